"""The tiled read: tables, the engine that reads them, and the engine as one operator of a compiled graph."""

from crossbar.array.reads.tiled.read import AbstractTiledRead as AbstractTiledRead
from crossbar.array.reads.tiled.read import TiledRead as TiledRead
