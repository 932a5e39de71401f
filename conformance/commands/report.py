"""``report``: every format again from a results file, without a cluster."""

import argparse
import shutil
import sys
from pathlib import Path

from conformance import reports, results
from conformance.errors import ConfigurationError


def main(args: argparse.Namespace) -> int:
    """Print the terminal report, and write the others where a folder is named."""
    document = results.read(args.file)
    if args.out:
        out = Path(args.out)
        try:
            out.mkdir(parents=True, exist_ok=True)
            reports.write_all(out, document)
        except OSError as error:
            raise ConfigurationError(f"--out {out}: cannot be written: {error.strerror or error}") from error
    print(reports.terminal(document, shutil.get_terminal_size().columns, color=sys.stdout.isatty()))
    return 0
