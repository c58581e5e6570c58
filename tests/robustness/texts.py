"""Nasty YAML, wild overrides, and broken configs of the tutorial."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.robustness.bench import Bench, deep
from tests.robustness.trial import Trial

CONFIG = ("config", "show", "nasty.yaml")
TUTORIAL = """\
dataset_params: null
model_params:
  in_channels: 1
  convbn_blocks: 3
  conv_kernel_size: [2, 2, 2]
  conv_kernel_strides: [2, 2, 2]
  convbn_channels: [1, 16, 32, 64]
  enc_fc_layers: [576, 128, 2]
  enc_fc_mu_activation: null
  enc_fc_var_activation: null
  conv_activation_fn: leaky
  enc_fc_activation_fn: leaky
  dec_fc_layers: [2, 128, 576]
  dec_fc_activation_fn: leaky
  transpose_bn_blocks: 3
  transposebn_channels: [64, 32, 16, 1]
  transpose_kernel_size: [3, 2, 2]
  transpose_kernel_strides: [2, 2, 2]
  transpose_activation_fn: tanh
  log_variance: true
  latent_dim: 2
  concat_channel: false
  decoder_fc_condition: false
  num_classes: 10
  conditional: false
train_params:
  task_name: vae_kl
  batch_size: 64
  epochs: 10
  kl_weight: 0.00001
  lr: 0.005
  crit: l2
  ckpt_name: best.pth
  seed: 111
  save_training_image: true
  train_path: data/train/images
  test_path: data/test/images
  output_train_dir: output
  save_latent_plot: true
""".replace("dataset_params: null\n", "")


def bomb(levels: int, width: int, form: str = "[{}]") -> str:
    """Lists of aliases of lists of aliases."""
    lines = ["a0: &a0 [x, x]"]
    for level in range(1, levels + 1):
        inside = ", ".join(f"*a{level - 1}" for _ in range(width))
        lines.append(f"a{level}: &a{level} {form.format(inside)}")
    return "\n".join([*lines, f"model: *a{levels}"])


def nasty() -> dict[str, str | bytes]:
    """YAML that is no config, by what it is."""
    texts: dict[str, str | bytes] = {
        "aliases 7 x 10": bomb(7, 10), "aliases 12 x 10": bomb(12, 10),
        "aliases 40 x 2": bomb(40, 2), "aliases 300 x 2": bomb(300, 2),
        "aliases 5 x 50 as the name": bomb(5, 50).replace("model:", "task_name:"),
        "merges": bomb(20, 4, "{{<<: [{}]}}"), "an alias of itself": "model: &a {x: *a}",
        "a list of itself": "model: &a [*a]", "a key that is itself": "? &a {b: *a}\n: 1",
        "merge of itself": "model: &a {<<: *a}", "an unknown alias": "model: *nobody",
        "one anchor twice": "a: &x 1\nb: &x 2\nmodel: *x",
        "a list as a key": "model: {[a]: 1}", "a mapping as a key": "? {a: 1}\n: 2",
        "a number as a key": "model: {1: 2}", "null as a key": "{~: 1, null: 2}",
        "a date": "training: {max_minutes: 2020-99-99}", "a real date": "task_name: 2020-01-02",
        "a time": "task_name: 2020-01-02T99:99:99Z", "0b_": "training: {epochs: 0b_}",
        "0o8": "training: {epochs: 0o8}", "0x_": "training: {epochs: 0x_}",
        "a bool tag": "training: {epochs: !!bool maybe}", "an int tag": "task_name: !!int x",
        "a float tag": "training: {epochs: !!float x}", "binary": "task_name: !!binary '%%%'",
        "good binary": "task_name: !!binary aGVsbG8=", "a set": "model: !!set {a, b}",
        "pairs": "model: !!pairs [a: 1]", "omap": "model: !!omap [a: 1]",
        "omap of 1": "a: !!omap 1",
        "a Python name": "task_name: !!python/name:os.system",
        "a Python call": "task_name: !!python/object/apply:os.system [touch pwned]",
        "a Python tuple": "model: !!python/tuple [1]", "a tag of its own": "model: !x {a: 1}",
        "a %TAG": "%TAG ! tag:x,2000:\n---\nmodel: !a 1", "version 9": "%YAML 9.9\n---\nmodel: 1",
        "5,000 digits": f"training: {{epochs: {'9' * 5000}}}",
        "16,000 hexadecimal digits": f"training: {{epochs: 0x{'f' * 16_000}}}",
        "16,000 digits of base 60": f"training: {{epochs: 1{':59' * 5000}}}",
        "base 60 in a float": f"training: {{epochs: 1{':59' * 5000}.5}}",
        "a float of 16,000 digits": f"training: {{epochs: 0.{'1' * 16_000}}}",
        "1e999999999": "training: {epochs: 1e999999999}", ".nan": "training: {epochs: .nan}",
        "nested 50": deep("[", "]", 50), "nested 3,000": "model: " + deep("[", "]", 3000),
        "nested 100,000": "model: " + deep("[", "]", 100_000),
        "opened 100,000": "model: " + "[" * 100_000, "opened 8,000": "model: " + "{a: " * 8000,
        "nested mappings": "model: " + "{a: " * 2000 + "1" + "}" * 2000,
        "nested by lines": "\n".join(" " * n + "a:" for n in range(1500)),
        "nested lists by lines": "- " * 8000 + "a", "questions": "? " * 8000 + "a",
        "100,000 keys": "\n".join(f"k{n}: {n}" for n in range(100_000)),
        "20,000 changes": "training:\n  changes:\n"
        + "".join(f"  - {{step: {n}, beta: 1.0}}\n" for n in range(20_000)),
        "100,000 list entries": "model: [" + ", ".join("1" for _ in range(100_000)) + "]",
        "a line of 3 MB": "task_name: " + "x" * 3_000_000,
        "3 MB of comments": "# x\n" * 750_000 + "task_name: a",
        "30 MB": "# 0123456789\n" * 2_400_000, "many documents": "---\na: 1\n" * 5000,
        "a key twice": "model: {}\nmodel: {}", "a key twice inside": "model: {a: 1, a: 2}",
        "tabs": "model:\n\tkind: vae", "nothing": "", "a comment": "# x", "null": "null",
        "a word": "hello", "a number": "5", "a list": "[1, 2]", "three dots": "...",
        "NUL": b"task_name: a\0b", "an escaped NUL": 'task_name: "a\\0b"',
        "escapes": 'task_name: "\\e]0;pwned\\a"', "a key of escapes": '"\\e[31m": 1',
        "C1": 'task_name: "\\x9b31m"', "a new line": 'task_name: "a\\nb"',
        "a line separator": 'task_name: "a\\Lb"', "a surrogate": 'task_name: "\\ud800"',
        "right to left": 'task_name: "\u202egnp"', "latin-1": "task_name: é".encode("latin-1"),
        "UTF-16": "task_name: a".encode("utf-16"), "UTF-32": "task_name: a".encode("utf-32"),
        "a byte order mark": "\ufefftask_name: a", "two byte order marks": "\ufeff\ufeffa: 1",
        "a name of 300 letters": f"task_name: {'x' * 300}",
        "a name of 199 wide letters": f"task_name: {'漢' * 199}",
        "a slash": "task_name: a/b", "dots": "task_name: ..", "a name of spaces": "task_name: ' '",
        "pictures in explorer": "output_train_dir: explorer",
        "a million figures": "figures: {at_end: [" + ", ".join(["latent"] * 100_000) + "]}",
        "a grid of a million": "figures: {at_end: [{kind: manifold, grid: 1000000}]}",
        "a million shards": "data: {kind: shards, train: 'x-{0..999999}.tar'}",
        "shards squared": "data: {kind: shards, train: 'x-{0..99999}-{0..99999}.tar'}",
        "shards of empty braces": "data: {kind: shards, train: 'x-{}.tar'}",
        "an open brace": "data: {kind: shards, train: 'x-{0..9.tar'}",
        "shards of 5,000 digits": f"data: {{kind: shards, train: 'x-{{{'9' * 5000}..1}}.tar'}}",
    }  # fmt: skip
    return texts


def yamls(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """Files that are shown; those that may be right are described too."""
    for what, text in nasty().items():
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")

        def make(folder: Path, content: bytes = content) -> None:
            (folder / "nasty.yaml").write_bytes(content)

        yield Trial(what, CONFIG, make)
        if len(content) < 20_000:
            yield Trial(f"{what}, as a run", ("runs",), partial(_as_run, content=content))
            yield Trial(f"{what}, trained", ("describe", "nasty.yaml"), make)
    for content, what in [(b"settings: ", "settings"), (b"swept: ", "swept")]:
        for name in ("aliases 7 x 10", "nested 3,000", "escapes", "good binary", "a real date"):
            value = nasty()[name]
            text = value.encode() if isinstance(value, str) else value
            content = content + b"{" + text.replace(b"\n", b", ") + b"}"
            make = partial(_as_sweep, content=content)
            yield Trial(f"a sweep's {what} is {name}", ("sweep", "status", "x_sweep"), make)
    for what, target in (("/dev/zero", "/dev/zero"), ("itself", "nasty.yaml")):

        def link(folder: Path, target: str = target) -> None:
            (folder / "nasty.yaml").symlink_to(target)

        yield Trial(f"a link to {what}", CONFIG, link)


def _as_run(folder: Path, content: bytes) -> None:
    (folder / "runs" / "a").mkdir(parents=True)
    (folder / "runs" / "a" / "config.yaml").write_bytes(content)


def _as_sweep(folder: Path, content: bytes) -> None:
    (folder / "x_sweep").mkdir(parents=True)
    (folder / "x_sweep" / "sweep.yaml").write_bytes(content)


VALUES = [
    "", "null", "~", "0", "-1", "1", "2.5", "1e-5", "1e999", ".nan", "-.inf", "true", "yes", "[]",
    "{}", "[1, 2]", "{a: 1}", "{[a]: 1}", "{1: 2}", "2020-99-99", "2020-01-01", "0b_", "0x_", "1_0",
    "!!bool maybe", "!!binary x", "!!python/name:os.system", "&a {x: *a}", "*a", "&a [*a]", "? x",
    "9" * 5000, "0x" + "f" * 5000, deep("[", "]", 3000), "[" * 3000, "{a: " * 500, "- x", "x: y: z",
    "'", '"', '"\\0"', '"\\e[31m"', "\x1b[31m", "\x07", "\udcff", "漢" * 300, "%", "@",
    "`", "|", ">", "vae", "conv", "mlp", "gaussian", "x" * 500, "/dev/zero", "../..",
    "{kind: conv}",
    "{kind: 5}", "{kind: [a]}", "{kind: null}", "[{}]", "[[[[1]]]]", "1000000000000", "1:59:59",
    "{<<: {kind: vae}}", "!x y", "a\nb", "a\tb", "{a: 1, a: 2}", "[latent]", "[{kind: latent}]",
]  # fmt: skip
KEYS = [
    "model", "model.kind", "model.latent", "model.encoder", "model.encoder.widths", "training",
    "model.prior", "model.likelihood", "model.posterior", "model.condition", "training.epochs",
    "training.seed", "training.max_minutes", "training.changes", "training.optimizer", "objective",
    "training.optimizer.learning_rate", "training.loggers", "objective.beta", "data", "data.kind",
    "data.path", "data.pixels", "data.validation", "figures", "figures.at_end", "explorer.keep",
    "figures.every_epoch", "task_name", "output_train_dir", "prior_fit", "prior_fit.run", "x", "",
    ".", "model..latent", "model.latent.x", "model.encoder.widths.0", "\x1b[31m", "漢", "x" * 300,
    "training.learning_rate_schedule", "data.size", "a.b.c.d.e.f.g.h", "model.\udcff", "__class__",
]  # fmt: skip


def overrides(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """`KEY=VALUE` of keys and values that go together or not."""
    fixed = [("model", "{[a]: 1}"), ("training.max_minutes", "2020-99-99"), ("training.epochs",
        "0b_"),
             ("training.epochs", "!!bool maybe"), ("model", "&a {x: *a}"), ("model", "[" * 3000),
             ("training.epochs", "9" * 5000), ("model.latent", "0x" + "f" * 5000)]  # fmt: skip
    for key in KEYS:
        fixed += [(key, draws.choice(VALUES)) for _ in range(4)]
    for value in VALUES:
        fixed += [(draws.choice(KEYS), value) for _ in range(3)]
    for key, value in fixed:
        word = f"{key}={value}"
        yield Trial(f"{word[:60]}", ("config", "show", "digits", word))
    for _ in range(60):
        words = [
            f"{draws.choice(KEYS)}={draws.choice(VALUES)}" for _ in range(draws.randrange(2, 6))
        ]
        yield Trial(f"{' '.join(words)[:80]}", ("describe", "digits", *words))
    for _ in range(40):
        words = [f"{draws.choice(KEYS)}={draws.choice(VALUES)},{draws.choice(VALUES)}"]
        yield Trial(f"sweep {' '.join(words)[:80]}", ("sweep", "run", "digits", *words))


def tutorials(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """The tutorial's YAML with a key gone, renamed, or of another value; and cut or mixed text."""
    whole: dict[str, dict[str, Any]] = yaml.safe_load(TUTORIAL)
    wild = [None, 0, -1, 10**30, 1e-30, float("nan"), float("inf"), "", "x", [], {}, [0], [1, -1],
            [10**6] * 4, True, "\x1b[31m", "a\x85b: 1", "a\u2028task_name: x", "../x", [None],
            "0" * 3000, 1.5, [[1]]]  # fmt: skip
    texts = {}
    for section, keys in whole.items():
        for key in keys:
            without = {name: dict(values) for name, values in whole.items()}
            del without[section][key]
            texts[f"without {key}"] = yaml.safe_dump(without)
            for value in draws.sample(wild, 4):
                changed = {name: dict(values) for name, values in whole.items()}
                changed[section][key] = value
                texts[f"{key} is {str(value)[:20]!r}"] = yaml.safe_dump(changed)
    for number in range(40):
        letters = list(TUTORIAL)
        for _ in range(draws.randrange(1, 6)):
            place = draws.randrange(len(letters))
            letters[place] = draws.choice("{}[]:,&*!|>'\"%@`\n\t -#?0\x07") + draws.choice(
                ["", letters[place]]
            )
        texts[f"text {number}"] = "".join(letters)
    for cut in range(0, len(TUTORIAL), 60):
        texts[f"cut at {cut}"] = TUTORIAL[:cut]
    for what, text in texts.items():
        make = partial(_write, name="old.yaml", text=text)
        yield Trial(what, ("config", "translate", "old.yaml"), make)
    for what, value in [
        ("name", "a\x85b: 1"),
        ("separator", "x\u2028y"),
        ("checkpoint", "\x1b[2J"),
    ]:
        changed = {name: dict(values) for name, values in whole.items()}
        changed["train_params"]["ckpt_name"] = value
        make = partial(_write, name="old.yaml", text=yaml.safe_dump(changed))
        yield Trial(f"ckpt_name with a {what}", ("config", "translate", "old.yaml"), make)
    yield Trial("/dev/zero", ("config", "translate", "/dev/zero"))
    yield Trial("a pipe", ("config", "translate", "old.yaml"), _pipe)
    yield Trial("a folder", ("config", "translate", "."))


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def _pipe(folder: Path) -> None:
    import os

    os.mkfifo(folder / "old.yaml")
