"""The version, as a constant: reading package metadata costs the server 3.5 MB and 40 ms.

`tests/unit/test_version.py` keeps it equal to the one in `Cargo.toml`, which the wheel takes.
"""

VERSION = "0.8.0"
