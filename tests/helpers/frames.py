"""What an error shows to a tool that prints every local variable."""

from __future__ import annotations


def frames_of(error):
    """The text of an error, of those it came from, and of the locals of their frames.

    Suppressed contexts as well: a debugger or an error tracker follows them.
    """
    seen, shown, errors = set(), [], [error]
    while errors:
        one = errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        shown.append(repr(one))
        errors += [one.__cause__, one.__context__]
        traceback = one.__traceback__
        while traceback:
            frame = traceback.tb_frame
            shown += [
                f"{frame.f_code.co_qualname}: {name} = {value!r}"
                for name, value in frame.f_locals.items()
            ]
            traceback = traceback.tb_next
    return "\n".join(shown)
