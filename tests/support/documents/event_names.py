"""Every event that the requirement documents name, typed from their tables and lists."""

# Name, and the table's column Source. "Server (sampled)" is Server, "Jobs" is Job.
UNOFFICIAL_COMMUNITIES: dict[str, str] = {
    # 2.1 Authentication Events
    "user.signup.started": "Frontend",
    "user.signup.otp_sent": "API",
    "user.signup.otp_verified": "API",
    "user.signup.completed": "API",
    "user.login.started": "Frontend",
    "user.login.completed": "API",
    "user.login.failed": "API",
    "user.logout.completed": "API",
    "user.session.expired": "Job",
    # 2.2 Gamification Events
    "gamification.xp.awarded": "API",
    "gamification.level.up": "API",
    "gamification.mission.assigned": "Job",
    "gamification.mission.completed": "API",
    "gamification.streak.started": "API",
    "gamification.streak.continued": "API",
    "gamification.streak.broken": "Job",
    "gamification.streak.milestone": "API",
    "gamification.ranking.updated": "Job",
    # 2.3 Community Events
    "community.created": "API",
    "community.member.joined": "API",
    "community.member.left": "API",
    "community.member.removed": "API",
    "community.invite.created": "API",
    "community.invite.used": "API",
    # 2.4 UC World Events
    "world.session.started": "Server",
    "world.session.ended": "Server",
    "world.zone.entered": "Server",
    "world.zone.exited": "Server",
    "world.portal.activated": "Server",
    "world.portal.traveled": "Server",
    "world.presence.updated": "Server",
    # 2.5 WhatsApp Activity Events
    "whatsapp.message.sent": "Webhooks",
    "whatsapp.reaction.added": "Webhooks",
    "whatsapp.reply.sent": "Webhooks",
    "whatsapp.member.joined": "Webhooks",
    "whatsapp.member.left": "Webhooks",
    # 2.6 Age Verification Events
    "age.gate_presented": "Frontend",
    "age.declared": "API",
    "age.blocked": "API",
    "age.revalidated": "API",
    "age.feature_blocked": "API",
    "age.minor_flagged": "API",
    "age.case_resolved": "API",
    "age.appeal_opened": "API",
    "age.appeal_resolved": "API",
    "age.level_upgraded": "API",
    # 2.7 Webhook Events
    "webhook.received": "Webhooks",
    "webhook.processed": "Webhooks",
    "webhook.failed": "Webhooks",
    "webhook.retried": "Webhooks",
    "webhook.dead_lettered": "Webhooks",
    # 2.8 System Events
    "system.startup": "All",
    "system.shutdown": "All",
    "system.health.degraded": "All",
    "system.health.recovered": "All",
    "system.job.started": "Job",
    "system.job.completed": "Job",
    "system.job.failed": "Job",
}

MLC_LMS: tuple[str, ...] = (
    # User Interaction Events
    *("user_login", "user_logout", "session_timeout", "password_reset"),
    *("page_view", "page_exit", "menu_click", "breadcrumb_click"),
    *("game_launch", "sequence_view", "assignment_open", "resource_download"),
    *("message_sent", "message_read", "notification_received"),
    # Learning Progress Events
    *("game_stage_start", "game_stage_complete", "game_stage_quit", "target_met"),
    *("assignment_started", "assignment_completed", "assignment_overdue"),
    *("concept_mastered", "review_scheduled", "retention_check"),
    *("challenge_joined", "challenge_completed", "leaderboard_update"),
    # System Performance Events
    *("page_load_time", "api_response_time", "asset_load_time"),
    *("javascript_error", "api_error", "game_error", "network_error"),
    *("service_health_check", "database_connection", "cdn_status"),
    # Business Intelligence Events
    *("subscription_created", "subscription_updated", "payment_processed"),
    *("seat_utilization", "feature_adoption", "retention_metrics"),
    *("support_ticket_created", "support_ticket_resolved"),
)

ADDVALUE: tuple[str, ...] = (
    # User Events
    *("user_signup", "user_login", "user_profile_update", "user_consent_update"),
    # Activation Events
    *("activation_started", "activation_round_completed", "activation_affirmation_selected"),
    *("activation_mood_logged", "activation_completed", "activation_breathwork_completed"),
    # Micro-Act Events
    *("microact_created", "microact_updated", "microact_shared", "microact_category_selected"),
    # Community Events
    *("post_created", "post_liked", "post_commented", "post_shared", "user_followed"),
    # Wave Events
    *("wave_registered", "wave_joined", "wave_left", "wave_interaction"),
    *("wave_microact_shared", "wave_feedback_submitted"),
)

# The document names helpers ("Upload, view, download, approval") and one event type,
# `asset_viewed`; the others are named like that one.
IP_ASSETS: tuple[str, ...] = (
    *("asset_uploaded", "asset_viewed", "asset_downloaded", "asset_approved"),
    *("license_created", "license_signed", "license_viewed"),
    *("project_created", "project_completed"),
    *("payout_completed", "payout_failed"),
    *("user_logged_in", "profile_updated"),
    *("search_performed", "cta_clicked", "page_viewed"),
)

SOCIAL_LIVE: tuple[str, ...] = ("view", "engagement", "purchase", "stream", "session")

# Events that a catalog declares beside those of its document, in a category of their own.
EXTRAS: dict[str, dict[str, str]] = {"addvalue": {"transparency_survey_answered": "survey"}}
