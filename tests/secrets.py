"""What an error shows to whoever inspects it."""

import pickle
import traceback

from civo_snapshots_async.testing import FakeCivo

CANARY = FakeCivo().token


def shown_by(error: BaseException) -> str:
    """Return all that an error shows: text, fields, causes, pickle, and our frames' locals."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in trace.stack if "/civo_snapshots_async/_" in frame.filename]
    chained = (error.__cause__, error.__context__)

    return "\n".join(
        [
            str(error),
            repr(error),
            repr(vars(error)),
            repr(pickle.dumps(error)),
            *traceback.StackSummary.from_list(frames).format(),
            *(shown_by(other) for other in chained if other is not None),
        ]
    )
