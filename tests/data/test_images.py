import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_png
from PIL import Image
from pydantic import ValidationError

from vaelab.data import ImagesData
from vaelab.data.formats.folders import list_images, natural
from vaelab.data.formats.pictures import read_picture
from vaelab.errors import BadValueError, MissingFileError


def grey(path: Path, value: int, side: int = 4) -> Path:
    return write_png(path, np.full((side, side), value, dtype=np.uint8))


def colour(path: Path, *value: int) -> Path:
    return write_png(path, np.full((4, 4, len(value)), value, dtype=np.uint8))


def fill(root: Path, *classes: str, count: int = 10) -> Path:
    """A folder for each class with `count` pictures, 1.png, 2.png, ..., of values of their own."""
    for label, name in enumerate(classes):
        for number in range(count):
            grey(root / name / f"{number + 1}.png", 100 * label + number)
    return root


@pytest.mark.parametrize("between", ["", "images"])
def test_train_and_test_folders(tmp_path: Path, between: str) -> None:
    fill(tmp_path / "train" / between, "cat", "dog")
    fill(tmp_path / "test" / between, "cat", "dog", count=3)
    store = ImagesData(path=tmp_path, validation=4).load()
    assert store.classes == ("cat", "dog")
    assert {name: len(part) for name, part in store.splits.items()} == {
        "train": 16,
        "valid": 4,
        "test": 6,
    }
    # in the order of the names, and of the classes where these are equal
    assert store.test.images[:, 0, 0, 0].tolist() == [0, 100, 1, 101, 2, 102]
    assert store.test.labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_folders_given_one_by_one(tmp_path: Path) -> None:
    fill(tmp_path / "here", "10", "9")
    fill(tmp_path / "there", "9", count=2)
    store = ImagesData(train=tmp_path / "here", test=tmp_path / "there").load()
    assert store.classes == ("9", "10")
    assert store.test.labels.tolist() == [0, 0]
    assert store.name == "here"


def test_class_folders_alone_are_divided(tmp_path: Path) -> None:
    store = ImagesData(path=fill(tmp_path / "pets", "cat", "dog")).load()
    assert len(store.test) == 4
    assert np.bincount(store.test.labels).tolist() == [2, 2]
    assert store.name == "pets"


@pytest.mark.parametrize("layout", ["", "only"])
def test_a_single_class(tmp_path: Path, layout: str) -> None:
    store = ImagesData(path=fill(tmp_path, layout)).load()
    assert store.classes == (layout or "images",)
    assert set(store.train.labels) == {0}


def test_clutter_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "cat", "dog")
    (tmp_path / ".git").mkdir()
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / "cat" / ".DS_Store").touch()
    (tmp_path / "cat" / "desktop.ini").touch()
    assert len(list_images(tmp_path).files) == 20
    assert list_images(tmp_path).ignored == 4


def test_links_are_followed_inside_the_folder(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "a")
    (root / "b").symlink_to(root / "a")
    assert list_images(root).classes == ("a", "b")
    (root / "a" / "up").symlink_to(root)
    with pytest.raises(BadValueError, match=r"a/up: this link leads back"):
        list_images(root)
    (root / "a" / "up").rename(root / "up")
    (root / "round").symlink_to(root / "about")
    (root / "about").symlink_to(root / "round")
    (root / "up").unlink()
    with pytest.raises(BadValueError, match=r"(round|about): this link cannot be followed"):
        list_images(root)
    (root / "round").unlink()
    (root / "about").unlink()
    (root / "a" / "up").symlink_to(root)
    (tmp_path / "door").symlink_to(root / "a")  # the folder itself may be named by a link
    (root / "a" / "up").unlink()
    assert len(list_images(tmp_path / "door").files) == 10


@pytest.mark.parametrize("place", ["root/b", "root/a/deep", "root/a/11.png", "flat/11.png"])
def test_a_link_out_of_the_folder_is_refused(place: str, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "")
    fill(tmp_path / "root", "a")
    fill(tmp_path / "flat", "")
    target = tmp_path / "elsewhere"
    (tmp_path / place).symlink_to(next(target.iterdir()) if "11" in place else target)
    with pytest.raises(BadValueError, match=f"{place}: this link leads out"):
        list_images(tmp_path / place.split("/")[0])


def test_folders_in_class_folders_are_walked(tmp_path: Path) -> None:
    """As Omniglot comes: alphabet/character/*.png."""
    fill(tmp_path / "Greek", "alpha", "beta")
    fill(tmp_path / "Latin", "a")
    assert list_images(tmp_path).classes == ("Greek", "Latin")
    assert np.bincount(list_images(tmp_path).labels).tolist() == [20, 10]
    leaves = list_images(tmp_path, leaf=True)
    assert leaves.classes == ("Greek/alpha", "Greek/beta", "Latin/a")
    store = ImagesData(path=tmp_path, classes="leaf").load()
    assert store.classes == leaves.classes


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["10.png", "2.png", "1.png", "a10", "a9b", "A9a", "img_2_10", "img_2_9", "²"]
    assert sorted(names, key=natural) == [
        *["1.png", "2.png", "10.png", "A9a", "a9b", "a10", "img_2_9", "img_2_10", "²"]
    ]


def test_size_scales_to_cover_and_crops_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 255
    write_png(tmp_path / "1.png", wide)
    write_png(tmp_path / "2.png", wide.T.copy())
    grey(tmp_path / "3.png", 255, side=5)
    config = ImagesData(path=tmp_path, size=10, validation=0, test_fraction=0.4)
    store = config.load()
    assert store.image_shape == (1, 10, 10)
    assert store.train.images.min() == 255
    assert store.test.images.min() == 255
    oblong = ImagesData(path=tmp_path, size=(6, 12), validation=0, test_fraction=0.4)
    assert oblong.load().image_shape == (1, 6, 12)


@pytest.mark.parametrize(
    ("pixels", "wanted"),
    [
        ((7, 7, 7), [7]),  # RGB that is grey
        ((1, 2, 3), [1, 2, 3]),
        ((200, 0, 0, 0), [255]),  # transparent: the white below
        ((255, 0, 0, 255), [255, 0, 0]),
        ((0, 0, 0, 128), [127]),  # half transparent black on white
        ((10, 255), [10]),  # grey with alpha
        ((10, 0), [255]),
    ],
)
def test_colours(tmp_path: Path, pixels: tuple[int, ...], wanted: list[int]) -> None:
    picture = read_picture(str(colour(tmp_path / "a.png", *pixels)))
    assert picture[0, 0].tolist() == wanted


def test_one_colour_picture_makes_all_of_them_colour(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    assert ImagesData(path=tmp_path).load().image_shape == (1, 4, 4)
    assert ImagesData(path=tmp_path, channels=3).load().image_shape == (3, 4, 4)
    colour(tmp_path / "b" / "11.png", 255, 0, 0)
    store = ImagesData(path=tmp_path).load()
    assert store.image_shape == (3, 4, 4)
    config = ImagesData(path=tmp_path, channels=1)
    assert config.load().image_shape == (1, 4, 4)
    assert 76 in config.raw().train.images  # luma of red: 0.299 * 255


MODES = {
    "png": ["1", "P", "L", "RGB", "I;16"],
    "jpg": ["1", "L", "RGB", "CMYK"],
    "webp": ["1", "P", "L", "RGB"],
    "bmp": ["1", "P", "L", "RGB"],
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes]
)
def test_modes_and_formats(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 65535, dtype=np.uint16))
    else:
        image = Image.new("L", (8, 8), 255).convert(mode)
    image.save(path)
    picture = read_picture(str(path))
    assert picture.shape == (8, 8, 1)
    assert picture.min() >= 254


@pytest.mark.parametrize(
    ("colours", "bits", "pixels", "clear", "wanted"),
    [
        (0, 16, [[25700], [51400]], None, [[100], [200]]),  # grey
        (0, 16, [[25700], [51400]], [51400], [[100], [255]]),
        (0, 8, [[100], [200]], [200], [[100], [255]]),
        (2, 16, [[2570, 5140, 7710], [0, 0, 65535]], None, [[10, 20, 30], [0, 0, 255]]),  # colour
        (2, 8, [[1, 2, 3], [9, 8, 7]], [9, 8, 7], [[1, 2, 3], [255, 255, 255]]),
        (4, 16, [[0, 32768], [25700, 65535]], None, [[127], [100]]),  # grey with alpha
        (6, 16, [[0, 0, 65535, 0], [0, 0, 65535, 65535]], None, [[255, 255, 255], [0, 0, 255]]),
    ],
)  # fmt: skip
def test_every_kind_of_png(
    colours: int, bits: int, pixels: list[list[int]], clear: list[int] | None,
    wanted: list[list[int]], tmp_path: Path,
) -> None:  # fmt: skip
    """Written byte by byte after the standard, as Pillow's own writer lacks most of them."""
    row = b"\0" + b"".join(value.to_bytes(bits // 8) for pixel in pixels for value in pixel)
    head = struct.pack(">IIBBBBB", len(pixels), 1, bits, colours, 0, 0, 0)
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")]
    if clear:
        chunks.insert(1, chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert read_picture(str(tmp_path / "a.png")).tolist() == [wanted]


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_picture(str(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 0, 1, 1, 255]


@pytest.mark.parametrize(
    ("turn", "corner"),
    [(1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)),
     (5, (0, 0)), (6, (0, -1)), (7, (-1, -1)), (8, (-1, 0))],
)  # fmt: skip
def test_all_eight_ways_to_hold_a_camera(
    turn: int, corner: tuple[int, int], tmp_path: Path
) -> None:
    """EXIF 2.32, table 6: where the stored picture's first row and column are to be seen."""
    pixels = np.zeros((32, 48), dtype=np.uint8)
    pixels[:16, :16] = 255  # the corner of row 0 and column 0
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = read_picture(str(tmp_path / "a.jpg"))[:, :, 0]
    assert picture.shape == ((32, 48) if turn < 5 else (48, 32))
    bright = {place for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if picture[place] > 200}
    assert bright == {corner}


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    image.save(tmp_path / "a.png")
    wanted = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]]
    assert read_picture(str(tmp_path / "a.png")).tolist() == wanted
    image.save(tmp_path / "b.png", transparency=2)
    wanted[1][0] = [255, 255, 255]
    assert read_picture(str(tmp_path / "b.png")).tolist() == wanted
    image.save(tmp_path / "a.gif")
    assert read_picture(str(tmp_path / "a.gif")).tolist() == [
        [[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]
    ]  # fmt: skip


def test_pictures_stand_upright(tmp_path: Path) -> None:
    pixels = np.zeros((8, 16), dtype=np.uint8)
    pixels[:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = read_picture(str(tmp_path / "a.jpg"))
    assert picture.shape == (16, 8, 1)
    assert picture[0].max() < 10
    assert picture[15].min() > 245


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no folder .*nowhere"):
        ImagesData(path=tmp_path / "nowhere").load()
    with pytest.raises(MissingFileError, match=r"no folder .*nowhere"):
        ImagesData(train=fill(tmp_path / "a", "b"), test=tmp_path / "nowhere").load()


def test_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match="no images in this folder"):
        ImagesData(path=tmp_path).load()
    fill(tmp_path, "cat")
    (tmp_path / "dog").mkdir()
    with pytest.raises(BadValueError, match="dog: this class folder is empty"):
        ImagesData(path=tmp_path).load()


def test_folders_and_files_side_by_side(tmp_path: Path) -> None:
    fill(tmp_path, "cat")
    (tmp_path / "loose").touch()
    with pytest.raises(BadValueError, match=r"both folders \(cat\) and files \(loose\)"):
        ImagesData(path=tmp_path).load()


def test_files_that_are_no_pictures_are_ignored_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "cat", "dog")
    for name in ("README.md", "labels.csv", "dog/notes.TXT", "dog/old.tar.gz"):
        (tmp_path / name).write_text("meow")
    found = list_images(tmp_path)
    assert (found.classes, len(found.files), found.ignored) == (("cat", "dog"), 20, 0)
    assert len(list_images(tmp_path).files) == 20
    (said,) = caplog.messages  # once
    assert said == f"{tmp_path}: 4 files that are no pictures are ignored, the first is README.md"
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "text.txt").touch()
    with pytest.raises(BadValueError, match="there are no images"):
        list_images(tmp_path / "only")


def test_a_test_class_that_training_lacks(tmp_path: Path) -> None:
    fill(tmp_path / "train", "cat", "dog")
    fill(tmp_path / "test", "cat", "dogs")
    with pytest.raises(BadValueError, match=r"no class `dogs` among .* cat, dog"):
        ImagesData(path=tmp_path).load()


def test_different_sizes_name_two_files(tmp_path: Path) -> None:
    grey(tmp_path / "1.png", 0)
    write_png(tmp_path / "2.png", np.zeros((5, 7), dtype=np.uint8))
    with pytest.raises(BadValueError, match=r"1\.png is 4x4 but .*2\.png is 7x5.*size: 4"):
        ImagesData(path=tmp_path).load()


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    fill(tmp_path, "cat")
    (tmp_path / "cat" / "notes.png").write_text("meow")
    with pytest.raises(BadValueError, match=r"notes\.png: this is no PNG.*move it elsewhere"):
        ImagesData(path=tmp_path).load()


def test_what_cannot_be_read_is_left_out_by_choice_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "cat", "dog")
    cut = tmp_path / "dog" / "4.png"
    cut.write_bytes(cut.read_bytes()[:50])
    (tmp_path / "cat" / "0.mp4").write_bytes(b"\0\0\0\x18ftypmp42")  # the first of all
    with pytest.raises(BadValueError, match=r"0\.mp4: this is no PNG.*data\.damaged=skip"):
        ImagesData(path=tmp_path).load()
    config = ImagesData(path=tmp_path, damaged="skip", size="auto")
    raw = config.raw()
    pixels = raw.train.images[:, 0, 0, 0].tolist()
    assert len(pixels) == 18 + 1
    assert 103 not in pixels  # dog/4.png
    assert all(label == value // 100 for value, label in zip(pixels, raw.train.labels, strict=True))
    assert "2 of 21 files cannot be read and are left out" in caplog.text
    assert "4.png" in caplog.text
    assert config.raw().checksum == raw.checksum  # from the cache
    with pytest.raises(BadValueError, match=r"data\.damaged=skip"):  # which is no cache of all
        ImagesData(path=tmp_path, size="auto").raw()


def test_what_is_left_out_of_two_folders(tmp_path: Path) -> None:
    fill(tmp_path / "train", "cat")
    fill(tmp_path / "test", "cat", count=3)
    for place in ("train/cat/2.png", "test/cat/1.png"):
        (tmp_path / place).write_text("gone")
    raw = ImagesData(path=tmp_path, damaged="skip").raw()
    assert raw.train.images[:, 0, 0, 0].tolist() == [0, *range(2, 10)]
    assert raw.test.images[:, 0, 0, 0].tolist() == [1, 2]
    for file in (tmp_path / "test" / "cat").iterdir():
        file.write_text("gone")
    for file in (tmp_path / "train" / "cat").iterdir():
        file.write_text("gone")
    with pytest.raises(BadValueError, match=r"1\.png and the others cannot be read"):
        ImagesData(path=tmp_path, damaged="skip").raw()


def test_a_large_import_that_leaves_some_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept in a file of the cache, which is made anew for those that are left, in colour too."""
    monkeypatch.setattr("vaelab.data.cache.MAX_MEMORY_BYTES", 10)
    fill(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "3.png").write_text("gone")
    colour(tmp_path / "dog" / "11.png", 255, 0, 0)
    for _ in range(2):  # read, and mapped from the cache
        images = ImagesData(path=tmp_path, damaged="skip").raw().train.images
        assert images.shape == (20, 3, 4, 4)
        assert sorted(images[:, 2, 3, 3].tolist()) == [
            0, *(value for value in range(10) if value != 2), *range(100, 110)
        ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_truncated_pictures(tmp_path: Path, suffix: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(BadValueError, match=r"a\.\w+: this (image is damaged|is no PNG)"):
        read_picture(str(path))


@pytest.mark.parametrize(("place", "value"), [(29, 0), (31, 7)])
def test_damaged_exif_data(tmp_path: Path, place: int, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg", exif=exif)
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    content[content.index(b"Exif") + place] = value
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadValueError, match=r"a\.jpg: this image is damaged .*remove it"):
        ImagesData(path=tmp_path).load()


def test_a_png_with_a_profile_after_its_pixels(tmp_path: Path) -> None:
    content = grey(tmp_path / "a.png", 5).read_bytes()
    (tmp_path / "a.png").write_bytes(content[:-12] + chunk(b"iCCP", b"") + content[-12:])
    with pytest.raises(BadValueError, match=r"a\.png: this image is damaged"):
        ImagesData(path=tmp_path).load()


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("vaelab.data.formats.pictures._eight_bits", exhausted)
    with pytest.raises(MemoryError):
        read_picture(str(grey(tmp_path / "a.png", 5)))


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def test_a_decompression_bomb(tmp_path: Path) -> None:
    def bomb(side: int) -> bytes:
        head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")

    for side in (10_000, 60_000):  # where Pillow warns, and where it refuses
        (tmp_path / "a.png").write_bytes(bomb(side))
        with pytest.raises(BadValueError, match=r"a\.png: this image has more pixels than is safe"):
            ImagesData(path=tmp_path).load()


def test_other_formats_are_not_opened(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "tiff")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(BadValueError, match="this is no PNG"):
        ImagesData(path=tmp_path).load()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs either `path` or `train`"),
        ({"path": "a", "train": "b"}, "needs either `path` or `train`"),
        ({"path": "a", "test": "b"}, "`test` stands beside `train`"),
        ({"path": "a", "size": 0}, "greater than 0"),
        ({"path": "a", "size": [4]}, "size"),
        ({"path": "a", "channels": 2}, "1 or 3"),
    ],
)
def test_keys(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImagesData.model_validate(keys)


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("L", (6, 4), value) for value in (40, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(str(tmp_path / "a.gif")).tolist() == [[[40]] * 6] * 4
