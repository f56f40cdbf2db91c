# In a source checkout the recipes lie beside this folder.
from typing import Any

from recipes import *  # noqa: F403

def __getattr__(name: str) -> Any: ...
