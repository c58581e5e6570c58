"""`python -m vaelab.kinds > docs/zoo.md` writes the reference."""

from vaelab.kinds import markdown

print(markdown(), end="")
