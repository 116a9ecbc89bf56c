#!/usr/bin/env bash
# Gives an instance a new API key, saved as a secret, and revokes the old ones of the same name. Safe to run again: the same RUN_ID makes one key.
#
#   AURA_KEYS_URL    https://keys.example.com
#   TOKEN_URL        the token endpoint of the identity provider
#   CLIENT_ID, CLIENT_SECRET   of a client whose subject is a member with a role on the instance
#   APP, INSTANCE    the app's slug and the instance's name
#   KEY_NAME         the name of the key, such as ci-deploy
#   RUN_ID           unique per run, such as the run id of the workflow
#   AUDIENCE, SCOPE  optional: what the provider wants to be asked for
set -euo pipefail

fail() { echo "rotate-key: $*" >&2; exit 1; }
for name in AURA_KEYS_URL TOKEN_URL CLIENT_ID CLIENT_SECRET APP INSTANCE KEY_NAME RUN_ID; do
  [ -n "${!name:-}" ] || fail "set $name"
done

TOKEN=$(curl -fsS "$TOKEN_URL" -d grant_type=client_credentials --data-urlencode "client_id=$CLIENT_ID" --data-urlencode "client_secret=$CLIENT_SECRET" \
  ${AUDIENCE:+--data-urlencode "resource=$AUDIENCE"} ${SCOPE:+--data-urlencode "scope=$SCOPE"} | jq -er .access_token) || fail 'the identity provider gave no token'

# One operation: prints .data, and ends the script with every message when there are errors.
gql() {
  local answer
  answer=$(jq -n --arg query "$1" --argjson variables "$2" '{$query, $variables}' |
    curl -sS "$AURA_KEYS_URL/graphql" -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d @-) || fail "no answer from $AURA_KEYS_URL"
  jq -e '.errors | not' >/dev/null <<<"$answer" || fail "$(jq -r '.errors[] | "\(.extensions.code) \(.extensions.field // "") \(.message)"' <<<"$answer")"
  jq -c .data <<<"$answer"
}

FOUND=$(gql 'query ($app: String!, $name: String!) { app(slug: $app) { instances(filter: { search: $name }, first: 100) { edges { node { id name } } } } }' \
  "$(jq -n --arg app "$APP" --arg name "$INSTANCE" '{$app, $name}')")
INSTANCE_ID=$(jq -er --arg name "$INSTANCE" '[.app.instances.edges[]?.node | select(.name == $name).id] | if length == 1 then .[0] else empty end' <<<"$FOUND") ||
  fail "no instance $INSTANCE of $APP that $CLIENT_ID may see, or more than one"

OLD=$(gql 'query ($id: ID!, $name: String!) { apiKeys(filter: { instanceId: $id, search: $name, status: [ACTIVE, EXPIRED] }, first: 100) { edges { node { id name } } } }' \
  "$(jq -n --arg id "$INSTANCE_ID" --arg name "$KEY_NAME" '{$id, $name}')")

SECRET="$(tr -c 'A-Za-z0-9\n' _ <<<"${KEY_NAME}_$RUN_ID" | cut -c1-64)"
CREATED=$(gql 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id hint expiresAt } secret { id name } } }' \
  "$(jq -n --arg instanceId "$INSTANCE_ID" --arg name "$KEY_NAME" --arg secret "$SECRET" --arg run "$KEY_NAME-$RUN_ID" \
    '{input: {$instanceId, $name, expiresInDays: 90, saveAsSecret: {name: $secret}, idempotencyKey: $run}}')")
NEW_ID=$(jq -r .createApiKey.apiKey.id <<<"$CREATED")

OLD_IDS=$(jq -c --arg name "$KEY_NAME" --arg new "$NEW_ID" '[.apiKeys.edges[].node | select(.name == $name and .id != $new).id]' <<<"$OLD")
REVOKED=0
if [ "$OLD_IDS" != '[]' ]; then
  RESULT=$(gql 'mutation ($input: RevokeApiKeysInput!) { revokeApiKeys(input: $input) { results { id errorCode } propagation { nodes waitedMs } } }' \
    "$(jq -n --argjson ids "$OLD_IDS" '{input: {$ids, acknowledged: true}}')")
  REFUSED=$(jq -r '.revokeApiKeys.results[] | select(.errorCode).errorCode' <<<"$RESULT")
  [ -z "$REFUSED" ] || fail "a key could not be revoked: $REFUSED"
  REVOKED=$(jq '.revokeApiKeys.results | length' <<<"$RESULT")
fi
jq -c --argjson revoked "$REVOKED" '.createApiKey | {key: .apiKey.id, hint: .apiKey.hint, secret: .secret.name, revoked: $revoked}' <<<"$CREATED"
