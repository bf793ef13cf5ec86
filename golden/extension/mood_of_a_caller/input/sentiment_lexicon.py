"""Judges the mood of what was said, by a lexicon: the plugin of docs/extensions.md."""

from rsppc.extensions.events import Cancel, Emit, Event, NodeContext

WEIGHTS = {"great": 2, "thanks": 1, "happy": 2, "late": -1, "wrong": -2, "angry": -3, "terrible": -3}


class Lexicon:
    manifest = "house_moods/v1"
    node_type = "house.mood"

    def open(self, context: NodeContext) -> None:
        self.window_ms = context.config["window_ms"]
        self.heard: list[tuple[int, int]] = []
        self.stopped = False

    def on_event(self, event: Event, emit: Emit) -> None:
        if self.stopped:
            return
        emit(event.reply("text", "text", event.payload))
        weight = sum(WEIGHTS.get(word, 0) for word in event.payload["text"].split())
        self.heard = [one for one in self.heard if one[0] > event.pts_ms - self.window_ms] + [(event.pts_ms, weight)]
        mood = mood_of(sum(weight for _, weight in self.heard))
        emit(event.reply("mood", "record", {"schema": "house.mood.v1", "value": {"mood": mood}}))

    def on_cancel(self, cancel: Cancel) -> None:
        self.stopped = True

    def close(self) -> None:
        self.heard = []


def mood_of(weight: int) -> str:
    if weight >= 0:
        return "pleased" if weight else "calm"
    return "worried" if weight > -3 else "angry"
