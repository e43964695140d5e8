"""Manifests that lie: honest ones, changed at random in a few places."""

import copy
import json
import random

STRANGE = [
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, 10**400, 2**63, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "s00",
        "grad_cam",
        "\x00",
        "\ud800",
        "<script>alert(1)</script>",
        "__proto__",
        "../../etc/passwd",
        "é" * 1000,
    ),
    *([], {}, [[]], [None], {"": {}}, [0] * 300, {str(n): n for n in range(300)}),
]


def places(value, path=()):
    """All places in nested lists and objects."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def change(manifest, chance):
    """Puts something strange somewhere, takes something away, or doubles it."""
    *parents, last = chance.choice(list(places(manifest)))
    owner = manifest
    for key in parents:
        owner = owner[key]
    action = chance.random()
    if action < 0.7:
        owner[last] = copy.deepcopy(chance.choice(STRANGE))
    elif action < 0.85:
        del owner[last]
    elif isinstance(owner, list):
        owner.append(copy.deepcopy(owner[last]))
    else:
        owner[f"{last}2"] = owner.pop(last)


def lie(honest, number):
    """The bytes of a manifest, changed in one to four places; each tenth is damaged as text too.

    Args:
        honest: the manifest. number: which of its lies.
    """
    chance = random.Random(number)
    manifest = copy.deepcopy(honest)
    for _ in range(chance.randint(1, 4)):
        if manifest:
            change(manifest, chance)
    text = json.dumps(manifest).encode()
    if number % 10 == 0:
        place = chance.randrange(len(text))
        text = text[:place] + bytes([chance.randrange(256)]) + text[place + chance.choice([0, 1, 50, len(text)]) :]
    return text
