"""Tables for people and JSON for programs, the same way in every list command."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], form: str) -> None:
    """Print rows: all of them as JSON, or the named columns as a table."""
    if form == "json":
        json.dump(list(rows), sys.stdout, indent=2, default=str)
        print()
        return
    table = [[row[column] for column in columns] for row in rows]
    print(tabulate(table, headers=[column.replace("_", " ") for column in columns], disable_numparse=True))
