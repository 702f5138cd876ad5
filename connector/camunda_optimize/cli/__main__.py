"""``python -m camunda_optimize.cli``: the same as ``camunda-optimize``, where scripts are not on the PATH."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
