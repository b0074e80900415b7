"""What a program of the tests complains of, on a machine of any speed."""

from .programs import run_strictly

SLOW_AND_CARELESS = """
import asyncio, time

async def main():
    time.sleep(0.15)
    asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_slow_step_is_no_complaint_and_a_careless_one_is() -> None:
    """A loaded machine makes any step slow; what the program leaves undone is its own doing."""
    _, printed, complaints = run_strictly("-c", SLOW_AND_CARELESS)

    assert printed == ""
    assert "Executing" not in complaints
    assert "coroutine 'sleep' was never awaited" in complaints
