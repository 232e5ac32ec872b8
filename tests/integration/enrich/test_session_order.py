"""Which of two beginnings of a session counts is decided twice: by `begins_before` in Python, within a chunk,
and by the script in Redis, between replicas. Here they are compared on the real Redis."""

from itertools import count

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libs.stores.redis_client import RedisClient
from services.enrich.model import Session
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.steps.session import begins_before, fold_sessions
from tests.support.clocks import FixedClock

# A few texts that are often equal or begin alike, and any others that Protobuf can hold.
texts = st.one_of(
    st.sampled_from(
        ["", "/", "/a", "/a/b", "/A", "/\x00", "/é", "/z", '/"', "/\\", "/\uffff", "/\U0001f600"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
# Of today and far off, often equal; below 2^53, as all times until the year 2255 are.
times = st.one_of(
    st.integers(1_795_176_000_000_000, 1_795_176_000_000_002),
    st.integers(-(2**53) + 1, 2**53 - 1),
)
sessions = st.builds(Session, times, texts, texts)
_ids = map(str, count())


@settings(
    max_examples=300,
    # The client is shared on purpose: every example has a session id of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(Session(5, "/é", ""), Session(5, "/z", ""))
@example(Session(5, "/a", ""), Session(5, "/a\x00", ""))
@example(Session(5, "\uffff", ""), Session(5, "\U0001f600", ""))
@given(sessions, sessions)
async def test_the_script_and_the_step_keep_the_same_beginning(
    client: RedisClient, first: Session, second: Session
) -> None:
    store = RedisSessionStore(client.commands, FixedClock.of_us(1_795_176_000_000_000), 3_600)
    kept = second if begins_before(second, first) else first
    session_id = next(_ids)
    await store.note("chess", 0, {session_id: first})
    await store.note("chess", 0, {session_id: second})
    assert await store.note("chess", 0, {session_id: kept}) == {session_id: kept}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(sessions, min_size=1, max_size=6))
async def test_replicas_that_note_one_by_one_end_where_one_that_folds_ends(
    client: RedisClient, seen: list[Session]
) -> None:
    store = RedisSessionStore(client.commands, FixedClock.of_us(1_795_176_000_000_000), 3_600)
    session_id = next(_ids)
    for session in seen:
        await store.note("chess", 0, {session_id: session})
    folded = fold_sessions(
        [(session_id, each.started_at_us, each.landing_page, each.referrer) for each in seen]
    )
    assert await store.note("chess", 0, folded) == folded


@given(sessions, sessions)
def test_the_order_is_strict(first: Session, second: Session) -> None:
    assert begins_before(first, second) + begins_before(second, first) == (first != second)
