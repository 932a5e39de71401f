"""Where checks, profiles, fixtures and reports lie.

They are folders at the top of a checkout and travel in the wheel under ``conformance/_bundled``. Only this module knows
both layouts, so that nothing else has to ask how the suite was installed.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_bundled"

ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent
CHECKS = ROOT / "checks"
PROFILES = ROOT / "profiles"
FIXTURES = ROOT / "fixtures"
REPORTS = ROOT / "reports"
