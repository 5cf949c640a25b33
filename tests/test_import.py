"""Start-up stays light: the Snakefile's parent and `bifseg --help` must not wait for torch."""

import subprocess
import sys


def test_command_line_starts_without_torch():
    modules = "bifseg.cli.main, bifseg.networks.confined_importing"  # the latter has another process import
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
