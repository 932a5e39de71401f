"""`python tests/testbed …` runs the package beside this file."""

import runpy

runpy.run_module("realcluster", run_name="__main__", alter_sys=True)
