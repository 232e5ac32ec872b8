"""The example events of the requirement documents, typed as they are written there.

`EXAMPLES` holds (app id, what the document calls it, the document's JSON). Where a document shows
only `event_type` and `properties`, that is all there is here, too: a sender fills in the id and the
time. `...` inside a text is the document's own.
"""

from typing import Final

Document = dict[str, object]

_UNOFFICIAL_COMMUNITIES: list[tuple[str, Document]] = [
    (
        "3.2 Signup completed",
        {
            "event_id": "550e8400-e29b-41d4-a716-446655440000",
            "event_name": "user.signup.completed",
            "timestamp": "2026-01-14T12:30:00.000Z",
            "source": "api",
            "environment": "production",
            "identity_id": 12345,
            "properties": {
                "has_avatar": True,
                "community_id": 1,
                "signup_duration_seconds": 180,
            },
        },
    ),
    (
        "3.2 Mission completed",
        {
            "event_id": "550e8400-e29b-41d4-a716-446655440001",
            "event_name": "gamification.mission.completed",
            "timestamp": "2026-01-14T14:00:00.000Z",
            "source": "api",
            "environment": "production",
            "identity_id": 12345,
            "community_id": 1,
            "properties": {
                "mission_type": "send_messages",
                "xp_awarded": 50,
                "missions_remaining": 2,
            },
        },
    ),
    (
        "3.2 Zone entered",
        {
            "event_id": "550e8400-e29b-41d4-a716-446655440002",
            "event_name": "world.zone.entered",
            "timestamp": "2026-01-14T15:00:00.000Z",
            "source": "server",
            "environment": "production",
            "identity_id": None,
            "anonymous_id": "a1b2c3d4e5f6...",
            "community_id": 1,
            "properties": {"zone_type": "social_east", "from_zone": "central_hub"},
        },
    ),
]

_MLC_LMS: list[tuple[str, Document]] = [
    (
        "Event Core Schema",
        {
            "event_id": "evt_1234567890abcdef",
            "event_type": "game_stage_complete",
            "timestamp": "2025-01-27T14:30:45.123Z",
            "user_id": "usr_12345",
            "session_id": "sess_67890abcdef",
            "organization_id": "org_54321",
            "device_info": {
                "user_agent": "Mozilla/5.0...",
                "platform": "desktop",
                "browser": "chrome",
                "version": "120.0.0.0",
            },
            "context": {
                "page_url": "/student/assignment-play",
                "referrer": "/student/dashboard",
                "assignment_id": "asg_789",
                "sequence_id": "seq_456",
            },
            "properties": {
                "game_id": "G-01542",
                "stage_id": "G-01542-quiz",
                "score": 87,
                "max_score": 100,
                "passed": True,
                "duration_ms": 125000,
                "attempts": 2,
            },
            "privacy_level": "standard",
            "retention_days": 2555,
        },
    ),
    (
        "Gameplay Events: Game stage start",
        {
            "event_type": "game_stage_start",
            "properties": {
                "game_id": "G-01542",
                "stage_id": "G-01542-quiz",
                "stage_type": "quiz",
                "assignment_id": "asg_789",
                "sequence_id": "seq_456",
                "device_profile": "midi_required",
                "input_mode": "midi",
            },
        },
    ),
    (
        "Gameplay Events: Game stage completion",
        {
            "event_type": "game_stage_complete",
            "properties": {
                "game_id": "G-01542",
                "stage_id": "G-01542-quiz",
                "score": 87,
                "max_score": 100,
                "passed": True,
                "duration_ms": 125000,
                "attempts": 2,
                "mistake_count": 3,
                "mastery_achieved": True,
            },
        },
    ),
    (
        "Gameplay Events: Target achievement",
        {
            "event_type": "target_met",
            "properties": {
                "game_id": "G-01542",
                "stage_id": "G-01542-quiz",
                "target_score": 85,
                "actual_score": 87,
                "time_to_target_ms": 125000,
                "attempts_to_target": 2,
            },
        },
    ),
    (
        "Learning Progress Events: Concept mastery",
        {
            "event_type": "concept_mastered",
            "properties": {
                "game_id": "G-01542",
                "concept_tags": ["guide_notes", "treble_staff"],
                "mastery_level": "quiz_passed",
                "time_to_mastery_ms": 125000,
                "total_attempts": 2,
                "learning_sequence_position": 15,
            },
        },
    ),
    (
        "Learning Progress Events: Review scheduling",
        {
            "event_type": "review_scheduled",
            "properties": {
                "game_id": "G-01542",
                "sequence_id": "seq_456",
                "review_date": "2025-02-03T14:30:00Z",
                "offset_days": 7,
                "retention_confidence": 0.85,
            },
        },
    ),
    (
        "System Performance Events: Page load performance",
        {
            "event_type": "page_load_time",
            "properties": {
                "page_url": "/student/dashboard",
                "load_time_ms": 1250,
                "dom_ready_ms": 800,
                "first_paint_ms": 600,
                "largest_contentful_paint_ms": 1100,
                "cumulative_layout_shift": 0.05,
            },
        },
    ),
    (
        "System Performance Events: API performance",
        {
            "event_type": "api_response_time",
            "properties": {
                "endpoint": "/api/v1/assignments",
                "method": "GET",
                "status_code": 200,
                "response_time_ms": 150,
                "payload_size_bytes": 2048,
            },
        },
    ),
]

# The document shows types instead of values; these values are ours, every key is the document's.
_ADDVALUE: list[tuple[str, Document]] = [
    (
        "1.2 Event Schema, filled in",
        {
            "event_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "event_name": "activation_round_completed",
            "event_category": "activation",
            "user_id": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
            "session_id": "s-1",
            "timestamp": "2024-01-15T09:00:00Z",
            "properties": {"round": 3},
            "context": {
                "device_type": "mobile",
                "platform": "ios",
                "app_version": "1.4.0",
                "locale": "pt-BR",
                "timezone": "America/Sao_Paulo",
            },
            "privacy": {"consent_given": True, "ip_anonymized": True},
        },
    ),
]

# The document's variables (assetId, uuid()) have values here.
_IP_ASSETS: list[tuple[str, Document]] = [
    (
        "eventIngestion.track.mutate",
        {
            "eventType": "asset_viewed",
            "source": "web",
            "entityId": "ast_1",
            "entityType": "asset",
            "sessionId": "ses_1",
            "props": {
                "view_duration_ms": 5000,
                "referrer": "https://www.google.com/",
            },
            "attribution": {"utmSource": "google", "utmCampaign": "spring_2024"},
            "idempotencyKey": "0f8fad5b-d9cb-469f-a165-70867728950e",
        },
    ),
    (
        "Event Enrichment integration test",
        {
            "eventType": "asset_viewed",
            "props": {"userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)..."},
        },
    ),
    (
        "AssetEventHelpers.trackAssetUpload",
        {
            "eventType": "asset_uploaded",
            "entityType": "asset",
            "entityId": "ast_1",
            "sessionId": "...",
            "props": {"fileSize": 1024000, "mimeType": "image/png", "assetType": "IMAGE"},
        },
    ),
    (
        "LicenseEventHelpers.trackLicenseSigned",
        {
            "eventType": "license_signed",
            "entityType": "license",
            "entityId": "lic_1",
            "props": {"signedBy": "usr_1", "signatureMethod": "electronic"},
        },
    ),
    (
        "PaymentEventHelpers.trackPayoutComplete",
        {
            "eventType": "payout_completed",
            "entityType": "payout",
            "entityId": "pay_1",
            "props": {
                "amount_cents": 50000,
                "payment_method": "stripe",
                "recipientId": "usr_1",
            },
        },
    ),
    (
        "UserEventHelpers.trackUserLogin",
        {
            "eventType": "user_logged_in",
            "actorId": "usr_1",
            "props": {"loginMethod": "password", "success": True},
        },
    ),
]

_SOCIAL_LIVE: list[tuple[str, Document]] = [
    (
        "POST /analytics/events/track",
        {
            "eventType": "view",
            "data": {"contentType": "post", "contentId": "post-123", "viewDuration": 45},
        },
    ),
    (
        "View Event",
        {
            "eventId": "uuid",
            "eventType": "view",
            "userId": "user-123",
            "sessionId": "session-456",
            "timestamp": "2024-01-01T12:00:00Z",
            "schemaVersion": "1.1.0",
            "platform": "mobile",
            "data": {
                "contentType": "post",
                "contentId": "post-123",
                "viewDuration": 45,
                "scrollDepth": 0.8,
                "referrer": "feed",
            },
        },
    ),
    (
        "Engagement Event",
        {
            "eventType": "engagement",
            "data": {
                "action": "like",
                "targetType": "post",
                "targetId": "post-123",
                "metadata": {"previousState": "unliked", "source": "feed"},
            },
        },
    ),
    (
        "Purchase Event",
        {
            "eventType": "purchase",
            "data": {
                "productId": "product-456",
                "orderId": "order-789",
                "amount": 29.99,
                "currency": "USD",
                "quantity": 1,
                "paymentMethod": "wallet",
                "conversionPath": ["view", "add_to_cart", "purchase"],
            },
        },
    ),
    (
        "AnalyticsService.trackPurchase",
        {
            "eventType": "purchase",
            "data": {
                "productId": "product-456",
                "orderId": "order-789",
                "amount": 29.99,
                "paymentMethod": "wallet",
            },
        },
    ),
]

EXAMPLES: Final[list[tuple[str, str, Document]]] = [
    (app_id, title, document)
    for app_id, examples in (
        ("unofficial_communities", _UNOFFICIAL_COMMUNITIES),
        ("mlc_lms", _MLC_LMS),
        ("addvalue", _ADDVALUE),
        ("ip_assets", _IP_ASSETS),
        ("social_live", _SOCIAL_LIVE),
    )
    for title, document in examples
]


def example(app_id: str, title: str) -> Document:
    """The document's JSON of one example."""
    return next(doc for app, name, doc in EXAMPLES if (app, name) == (app_id, title))
