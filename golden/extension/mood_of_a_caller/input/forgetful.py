"""The same plugin with three mistakes: it loses the session, goes on after a cancel, and invents a mood."""

from rsppc.extensions.events import Cancel, Emit, Event
from sentiment_lexicon import Lexicon


class Forgetful(Lexicon):
    def on_event(self, event: Event, emit: Emit) -> None:
        copy = Event(
            event_id=f"{event.event_id}/copy",
            session_id="?",
            turn_id=event.turn_id,
            authority_epoch=event.authority_epoch,
            port="text",
            lane=event.lane,
            kind="text",
            payload=event.payload,
            runtime_sequence=event.runtime_sequence,
            pts_ms=event.pts_ms,
            causal_parent_id=event.event_id,
        )
        emit(copy)
        emit(event.reply("mood", "record", {"schema": "house.mood.v1", "value": {"mood": "hungry"}}))

    def on_cancel(self, cancel: Cancel) -> None:
        pass
