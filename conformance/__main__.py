"""``python -m conformance`` is the command ``ai-conformance``, for where the script is not on the path."""

import sys

from conformance.cli import main

sys.exit(main())
