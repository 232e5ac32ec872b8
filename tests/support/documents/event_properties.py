"""The properties that the requirement documents list for each event, typed from their tables, with a value
for each that the document allows. The documents name properties and leave most of their types open.
"""

Properties = dict[str, object]

UNOFFICIAL_COMMUNITIES: dict[str, Properties] = {
    # 2.1 Authentication Events
    "user.signup.started": {"phone_prefix": "+49"},
    "user.signup.otp_sent": {"delivery_method": "sms"},
    "user.signup.otp_verified": {"attempts_used": 2},
    "user.signup.completed": {"has_avatar": True, "community_id": 1},
    "user.login.started": {"phone_prefix": "+49"},
    "user.login.completed": {"session_id_hash": "9f86d081884c7d65"},
    "user.login.failed": {"reason": "wrong_code"},
    "user.logout.completed": {"session_duration_seconds": 1800},
    "user.session.expired": {"inactive_days": 30},
    # 2.2 Gamification Events
    "gamification.xp.awarded": {"amount": 50, "source": "mission", "community_id": 1},
    "gamification.level.up": {"old_level": 3, "new_level": 4, "community_id": 1},
    "gamification.mission.assigned": {"mission_count": 3, "community_id": 1},
    "gamification.mission.completed": {
        "mission_type": "send_messages",
        "xp_awarded": 50,
        "community_id": 1,
    },
    "gamification.streak.started": {"community_id": 1},
    "gamification.streak.continued": {"streak_day": 6, "community_id": 1},
    "gamification.streak.broken": {"previous_streak": 6, "community_id": 1},
    "gamification.streak.milestone": {"milestone": 7, "bonus_xp": 100, "community_id": 1},
    "gamification.ranking.updated": {"community_id": 1, "top_3_changed": True},
    # 2.3 Community Events
    "community.created": {"visibility": "private", "owner_id_hash": "60303ae22b998861"},
    "community.member.joined": {"method": "invite", "community_id": 1},
    "community.member.left": {"reason": "moved", "days_member": 12, "community_id": 1},
    "community.member.removed": {"by_role": "admin", "community_id": 1},
    "community.invite.created": {"community_id": 1},
    "community.invite.used": {"community_id": 1},
    # 2.4 UC World Events
    "world.session.started": {"community_id": 1, "room_population": 12},
    "world.session.ended": {"duration_seconds": 340, "community_id": 1},
    "world.zone.entered": {"zone_type": "workshop", "from_zone": "central_hub", "community_id": 1},
    "world.zone.exited": {"zone_type": "workshop", "duration_seconds": 61.5, "community_id": 1},
    "world.portal.activated": {
        "portal_direction": "ne",
        "destination_community_id": 2,
        "destination_name": "Chess Club",
        "reason_code": "open",
    },
    "world.portal.traveled": {
        "source_community_id": 1,
        "destination_community_id": 2,
        "portal_direction": "ne",
        "travel_reason": "invite",
    },
    "world.presence.updated": {"zone_type": "workshop", "community_id": 1},
    # 2.5 WhatsApp Activity Events
    "whatsapp.message.sent": {
        "community_id": 1,
        "identity_id": 7,
        "timestamp_bucket": "2026-01-14",
    },
    "whatsapp.reaction.added": {
        "community_id": 1,
        "identity_id": 7,
        "timestamp_bucket": "2026-01-14",
    },
    "whatsapp.reply.sent": {"community_id": 1, "identity_id": 7, "timestamp_bucket": "2026-01-14"},
    "whatsapp.member.joined": {"community_id": 1, "identity_id": 7, "joined_via": "invite_link"},
    "whatsapp.member.left": {"community_id": 1, "identity_id": 7, "left_reason": "removed"},
    # 2.6 Age Verification Events
    "age.gate_presented": {"gate": "C", "trigger": "voice_chat"},
    "age.declared": {"age_band": "18-24", "assurance_level": "self_declared"},
    "age.blocked": {"age_band": "under_18", "gate": "B"},
    "age.revalidated": {"matched": False, "discrepancy_days": -40, "new_level": 2},
    "age.feature_blocked": {"feature": "voice_chat", "reason": "level", "required_level": 2},
    "age.minor_flagged": {"signal_type": "report", "risk_score": 0.8},
    "age.case_resolved": {"case_id": "c-1", "outcome": "upheld", "action_taken": "blocked"},
    "age.appeal_opened": {"case_id": "c-1"},
    "age.appeal_resolved": {"case_id": "c-1", "outcome": "granted"},
    "age.level_upgraded": {"old_level": 1, "new_level": 2, "reason": "document"},
    # 2.7 Webhook Events
    "webhook.received": {"source": "stripe", "event_type": "invoice.paid"},
    "webhook.processed": {"source": "stripe", "event_type": "invoice.paid", "duration_ms": 12},
    "webhook.failed": {"source": "stripe", "event_type": "invoice.paid", "error_code": 500},
    "webhook.retried": {"source": "stripe", "attempt_number": 2},
    "webhook.dead_lettered": {"source": "stripe", "event_type": "invoice.paid"},
    # 2.8 System Events
    "system.startup": {"service": "api", "version": "1.2.0"},
    "system.shutdown": {"service": "api", "uptime_seconds": 86_400},
    "system.health.degraded": {"service": "api", "check_name": "redis"},
    "system.health.recovered": {"service": "api", "downtime_seconds": 31.5},
    "system.job.started": {"job_name": "ranking"},
    "system.job.completed": {"job_name": "ranking", "duration_ms": 900},
    "system.job.failed": {"job_name": "ranking", "error": "timeout"},
}
# What the catalog takes beyond the tables: what only the examples of section 3.2 have.
COMMUNITY_EXTRAS: dict[str, set[str]] = {
    "user.signup.completed": {"signup_duration_seconds"},
    "gamification.mission.completed": {"missions_remaining"},
}
# Section 2.4, the table of canonical zone ids.
ZONES = (
    *("central_hub", "workshop", "social_east", "social_west", "brand_zone", "quiet_refuge"),
    *("onboarding", "portal_ne", "portal_e", "portal_se", "portal_sw", "portal_w", "portal_nw"),
)

# The helpers' arguments where the document shows them; the others are named like these.
IP_ASSETS: dict[str, Properties] = {
    "asset_uploaded": {
        "fileSize": 1_024_000,
        "mimeType": "image/png",
        "assetType": "IMAGE",
        "projectId": "prj_1",
    },
    "asset_viewed": {"view_duration_ms": 5000, "referrer": "https://www.google.com/"},
    "asset_downloaded": {"fileSize": 1_024_000, "mimeType": "image/png"},
    "asset_approved": {"approvedBy": "usr_2"},
    "license_created": {},
    "license_signed": {"signedBy": "usr_2", "signatureMethod": "electronic"},
    "license_viewed": {},
    "project_created": {},
    "project_completed": {},
    "payout_completed": {
        "amount_cents": 50_000,
        "payment_method": "stripe",
        "recipientId": "usr_2",
    },
    "payout_failed": {"amount_cents": 50_000, "payment_method": "stripe", "reason": "no_account"},
    "user_logged_in": {"loginMethod": "password", "success": True},
    "profile_updated": {},
    "search_performed": {"query": "logo", "resultCount": 12},
    "cta_clicked": {},
    "page_viewed": {"referrer": "https://www.google.com/"},
}
