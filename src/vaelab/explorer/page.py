"""Where the built page is."""

from pathlib import Path

from vaelab.errors import MissingFileError


def page_folder() -> Path:
    """The page inside the installed package, or in a source checkout where it was built.

    Raises:
        MissingFileError: it has not been built.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "page", package.parents[1] / "web" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    raise MissingFileError(
        "the explorer's page is not built: in a source checkout `make page` builds it with Node "
        "20.19 or newer; an installed wheel has it inside"
    )
