"""MLC-LMS: students who open assignments and play the stages of music games; pages that load."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar

from demo.model import ConsentOutcome, DemoEvent, DemoPerson
from demo.products.product import answers
from demo.scene import Scene
from demo.surroundings import BROWSERS, lasting, some_context

_ORGANIZATIONS = ((5, "org_54321"), (4, "org_20010"), (2, "org_33172"), (1, "org_90007"))
_GAMES = ("G-01542", "G-01543", "G-02200", "G-03817", "G-0412A")
_STAGES = ("learn", "play", "quiz")
_PAGES = ("/student/dashboard", "/student/assignment-play", "/student/progress", "/library")
_INTERACTION, _LEARNING = "user_interaction", "learning_progress"
_PERFORMANCE, _BUSINESS = "system_performance", "business_intelligence"
_PURPOSES = (_INTERACTION, _LEARNING, _PERFORMANCE, _BUSINESS)


class MlcLms:
    """Implements `Product`."""

    app_id: ClassVar[str] = "mlc_lms"
    defaults: ClassVar[Mapping[str, ConsentOutcome]] = dict.fromkeys(
        _PURPOSES, ConsentOutcome.ALLOW
    )
    when_denied: ClassVar[Mapping[str, ConsentOutcome]] = dict.fromkeys(
        _PURPOSES, ConsentOutcome.ANONYMIZE
    )
    age_band: ClassVar[str] = "from_13"

    def person(self, random: Random, number: int) -> DemoPerson:
        """Students; one in sixteen, or their parents, refused."""
        organization = random.choices(_ORGANIZATIONS, [w for w, _ in _ORGANIZATIONS])[0][1]
        context = some_context(random, BROWSERS)
        context["class_id"] = f"cls_{random.randrange(1, 9)}"
        context["teacher_id"] = f"tch_{organization[-3:]}_{random.randrange(1, 5)}"
        return DemoPerson(
            subject_id=f"usr_{20_000 + number}",
            group_id=organization,
            answers=answers(self, random, refuse=0.06),
            context=context,
            attribution={},
        )

    def visit(self, random: Random, person: DemoPerson, start: datetime) -> list[DemoEvent]:
        """Logs in, opens an assignment, plays stages until it is done or enough."""
        scene = Scene(
            self.app_id,
            random,
            person,
            start,
            producer="frontend",
            session_id=f"sess_{random.getrandbits(48):012x}",
        )
        method = random.choices(("password", "sso", "oauth"), (6, 3, 1))[0]
        scene.happens(
            "user_login",
            {"login_method": method, "mfa_used": random.random() < 0.1},
            purpose=_INTERACTION,
            event_id=f"evt_{random.getrandbits(64):016x}",
        )
        self._page(scene, _PAGES[0])
        assignment = {
            "assignment_id": f"asg_{random.randrange(700, 760)}",
            "sequence_id": f"seq_{random.randrange(400, 420)}",
        }
        scene.happens("assignment_open", assignment, purpose=_INTERACTION, context=assignment)
        self._page(scene, _PAGES[1])
        scene.happens("assignment_started", assignment, purpose=_LEARNING, context=assignment)
        finished = True
        for _ in range(random.randrange(1, 4)):
            finished = self._play(scene, random.choice(_GAMES), assignment) and finished
        if finished:
            scene.happens("assignment_completed", assignment, purpose=_LEARNING, context=assignment)
        if random.random() < 0.2:
            self._page(scene, random.choice(_PAGES[2:]))
        if random.random() < 0.12:
            scene.happens("message_sent", {}, purpose=_INTERACTION)
        scene.wait(random.uniform(1, 30))
        scene.happens(
            "user_logout",
            {
                "session_duration_ms": round((scene.now - start).total_seconds() * 1_000),
                "logout_reason": random.choices(("user_initiated", "timeout"), (8, 2))[0],
            },
            purpose=_INTERACTION,
        )
        return scene.events

    def background(self, random: Random, midnight: datetime) -> list[DemoEvent]:
        """Health checks, renewals that are paid, and a ticket or two."""
        scene = Scene(self.app_id, random, None, midnight, producer="server")
        for half_hour in range(48):
            scene.now = midnight + timedelta(minutes=30 * half_hour, seconds=random.uniform(0, 4))
            scene.happens("service_health_check", {"healthy": random.random() < 0.98}, purpose=None)
            if random.random() < 0.2:
                scene.wait(random.uniform(1, 600))
                paid = {"amount_cents": 100 * random.randrange(900, 6_000), "currency": "USD"}
                scene.happens("payment_processed", paid, purpose=None, producer="webhooks")
        return scene.events

    def _page(self, scene: Scene, url: str) -> None:
        """A page is shown, measured, and left; views and measurements are sampled."""
        random = scene.random
        scene.wait(random.uniform(0.5, 3))
        page = {"page_url": url}
        scene.happens("page_view", page, purpose=_INTERACTION, context=page, sampled=True)
        load = round(lasting(random, 1_150.0, 0.4))
        scene.wait(load / 1_000)
        scene.happens(
            "page_load_time",
            {
                **page,
                "load_time_ms": load,
                "dom_ready_ms": round(load * 0.65),
                "first_paint_ms": round(load * 0.5),
                "largest_contentful_paint_ms": round(load * 0.9),
                "cumulative_layout_shift": round(random.betavariate(1, 12), 3),
            },
            purpose=_PERFORMANCE,
            context=page,
            sampled=True,
        )
        scene.wait(lasting(random, 25.0))
        scene.happens("page_exit", page, purpose=_INTERACTION, context=page)

    def _play(self, scene: Scene, game: str, assignment: dict[str, str]) -> bool:
        """Plays the stages of one game; whether all of them were passed."""
        random = scene.random
        launch = {"game_id": game, "device_profile": "any"}
        scene.happens("game_launch", launch, purpose=_INTERACTION, context=assignment)
        for stage in _STAGES:
            about = {"game_id": game, "stage_id": f"{game}-{stage}", "stage_type": stage}
            began = {**about, **assignment, "input_mode": random.choice(("mouse", "midi", "touch"))}
            scene.happens("game_stage_start", began, purpose=_LEARNING, context=assignment)
            milliseconds = round(lasting(random, 118_000.0, 0.5))
            scene.wait(milliseconds / 1_000)
            if random.random() < 0.07:
                quit_early = {**about, "duration_ms": milliseconds}
                scene.happens("game_stage_quit", quit_early, purpose=_LEARNING, context=assignment)
                return False
            if not self._complete_stage(scene, about, milliseconds, assignment):
                return False
        return True

    def _complete_stage(
        self, scene: Scene, about: dict[str, str], milliseconds: int, assignment: dict[str, str]
    ) -> bool:
        random = scene.random
        score = min(100, max(5, round(random.gauss(82, 12))))
        passed = score >= 70
        attempts = random.choices((1, 2, 3, 4), (60, 25, 10, 5))[0]
        result: dict[str, Any] = {
            **about,
            "score": score,
            "max_score": 100,
            "passed": passed,
            "duration_ms": milliseconds,
            "attempts": attempts,
            "mistake_count": max(0, round((100 - score) / 6)),
        }
        scene.happens(
            "game_stage_complete",
            result,
            purpose=_LEARNING,
            context=assignment,
            event_id=f"evt_{random.getrandbits(64):016x}",
        )
        if score >= 90:
            target = {
                **about,
                "target_score": 90,
                "actual_score": score,
                "time_to_target_ms": milliseconds,
                "attempts_to_target": attempts,
            }
            scene.happens("target_met", target, purpose=_LEARNING, context=assignment)
        if passed and about["stage_type"] == "quiz":
            mastered = {
                **about,
                "concept_tags": ["treble_staff"],
                "mastery_level": "quiz_passed",
                "time_to_mastery_ms": 3 * milliseconds,
                "total_attempts": attempts,
            }
            scene.happens("concept_mastered", mastered, purpose=_LEARNING, context=assignment)
            review = {
                **assignment,
                "game_id": about["game_id"],
                "review_date": (scene.now + timedelta(days=7)).isoformat(timespec="seconds"),
                "offset_days": 7,
                "retention_confidence": round(random.betavariate(8, 2), 2),
            }
            scene.happens("review_scheduled", review, purpose=_LEARNING, context=assignment)
        return passed
