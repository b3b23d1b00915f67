"""The integer read: products of bytes, converted to codes as they leave the product."""

from crossbar.array.reads.integer.read import IntegerRead as IntegerRead
