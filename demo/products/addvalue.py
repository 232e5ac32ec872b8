"""AddValue: activation days with moods and rounds, micro-acts, posts, waves. None counts without consent."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import ClassVar

from demo.model import ConsentOutcome, DemoEvent, DemoPerson
from demo.products.product import answers
from demo.scene import Scene, new_uuid
from demo.surroundings import BROWSERS, lasting, some_campaign, some_context

_CATEGORIES = ("kindness", "gratitude", "health", "learning", "environment")
_WAVES = ("wave-morning", "wave-noon", "wave-evening")
_AFFIRMATIONS = ("I am enough", "I add value", "I grow every day")
_ANALYTICS = "analytics"


class AddValue:
    """Implements `Product`."""

    app_id: ClassVar[str] = "addvalue"
    defaults: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.DROP}
    when_denied: ClassVar[Mapping[str, ConsentOutcome]] = {_ANALYTICS: ConsentOutcome.DROP}
    age_band: ClassVar[str] = ""

    def person(self, random: Random, number: int) -> DemoPerson:
        """Users; six in seven have granted analytics, the others' events are not collected."""
        return DemoPerson(
            subject_id=new_uuid(random),
            group_id="",
            answers=answers(self, random, refuse=0.05, grant={_ANALYTICS: 0.9}),
            context=some_context(random, BROWSERS, ("1.4.0", "1.4.2")),
            attribution=some_campaign(random),
            newcomer=random.random() < 0.15,
        )

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """Signs up or in; an activation day, a wave, or just micro-acts and the feed."""
        scene = Scene(
            self.app_id,
            random,
            person,
            start,
            producer="frontend",
            session_id=f"s-{new_uuid(random)}",
        )
        granted = person.answers[_ANALYTICS] is ConsentOutcome.ALLOW
        if person.newcomer:
            scene.happens("user_signup", {}, purpose=_ANALYTICS, producer="api")
            # Proof of the decision itself is kept whatever it was.
            decision = {"analytics": granted, "personalization": False, "marketing": False}
            scene.happens("user_consent_update", decision, purpose=None, producer="api")
        else:
            scene.happens("user_login", {}, purpose=_ANALYTICS, producer="api")
        scene.wait(random.uniform(2, 15))
        mood = min(100.0, max(5.0, random.gauss(61, 15)))
        kind = random.choices(("activation", "wave", "feed"), (4, 3, 5))[0]
        if kind == "activation":
            self._activate(scene, mood)
        elif kind == "wave":
            self._ride_wave(scene)
        for _ in range(random.choices(range(4), (2, 5, 3, 1))[0]):
            self._act(scene)
        for _ in range(random.choices(range(5), (3, 4, 3, 2, 1))[0]):
            scene.wait(lasting(random, 12.0))
            name = random.choices(
                ("post_liked", "post_commented", "post_created", "post_shared"), (12, 4, 3, 1)
            )[0]
            post = {"post_id": f"post-{random.randrange(1, 400)}"}
            scene.happens(name, post, purpose=_ANALYTICS)
        return scene.events

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """Nothing happens by itself here."""
        return []

    def _activate(self, scene: Scene, mood: float) -> None:
        """Up to eight rounds between two looks at one's mood, which is usually better afterwards."""
        random, began = scene.random, scene.now
        scene.happens("activation_started", {}, purpose=_ANALYTICS)
        first = {"mood_score": round(mood, 1), "phase": "start"}
        scene.happens("activation_mood_logged", first, purpose=_ANALYTICS)
        rounds = random.choices(range(1, 9), (2, 2, 2, 3, 3, 4, 6, 30))[0]
        for number in range(1, rounds + 1):
            scene.wait(lasting(random, 95.0, 0.3))
            scene.happens("activation_round_completed", {"round": number}, purpose=_ANALYTICS)
            if number == 3:
                affirmation = {"affirmation": random.choice(_AFFIRMATIONS)}
                scene.happens("activation_affirmation_selected", affirmation, purpose=_ANALYTICS)
            if number == 5:
                breath = {"duration_seconds": lasting(random, 120.0, 0.2)}
                scene.happens("activation_breathwork_completed", breath, purpose=_ANALYTICS)
        if rounds < 8:
            return
        better = round(min(100.0, mood + abs(random.gauss(9, 6))), 1)
        last = {"mood_score": better, "phase": "end"}
        scene.happens("activation_mood_logged", last, purpose=_ANALYTICS)
        seconds = (scene.now - began).total_seconds()
        scene.happens("activation_completed", {"duration_seconds": seconds}, purpose=_ANALYTICS)

    def _act(self, scene: Scene) -> None:
        random = scene.random
        act = {"microact_id": f"act-{new_uuid(random)}", "category": random.choice(_CATEGORIES)}
        scene.wait(lasting(random, 40.0))
        scene.happens("microact_category_selected", act, purpose=_ANALYTICS)
        scene.wait(lasting(random, 20.0))
        scene.happens("microact_created", act, purpose=_ANALYTICS)
        if random.random() < 0.3:
            scene.happens("microact_shared", act, purpose=_ANALYTICS)

    def _ride_wave(self, scene: Scene) -> None:
        random = scene.random
        wave = {"wave_id": random.choice(_WAVES)}
        scene.happens("wave_registered", wave, purpose=_ANALYTICS)
        scene.wait(lasting(random, 60.0))
        scene.happens("wave_joined", wave, purpose=_ANALYTICS)
        for _ in range(random.randrange(6)):
            scene.wait(lasting(random, 120.0))
            scene.happens("wave_interaction", wave, purpose=_ANALYTICS)
        scene.wait(lasting(random, 200.0))
        scene.happens("wave_left", wave, purpose=_ANALYTICS)
        if random.random() < 0.5:
            scene.happens("wave_feedback_submitted", wave, purpose=_ANALYTICS)
