"""One target, driven by atheris: ``python -m fuzz.run NAME [libFuzzer's arguments]``.

Only the engine's own modules are watched for coverage; C extensions and other packages are not.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["streamproc"], enable_loader_override=False):
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer's arguments say to stop."""
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]
    mutator = target.mutator

    def changed(data: bytes, most: int, seed: int) -> bytes:
        assert mutator is not None
        return mutator(data, most, seed, atheris.Mutate)

    # libFuzzer starts itself anew to merge, by a shell.
    itself = f"{sys.executable} -m fuzz.run {name}"
    options = {} if mutator is None else {"custom_mutator": changed}
    atheris.Setup([itself, f"-max_len={target.longest}", *arguments], target.check, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
