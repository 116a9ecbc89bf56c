#!/usr/bin/env bash
# The tour of the README, start to end, against a running demo server. Needs curl and jq.
set -euo pipefail

# --- who you are
URL=${URL:-http://127.0.0.1:4000}
as() { npx --silent aura-keys token --org demo --as "$1@demo.example"; }
OWNER=$(as owner) AURA=$(as aura) OUTSIDER=$(as outsider)
gql() { jq -n --arg q "$2" --argjson v "${3:-"{}"}" '{query: $q, variables: $v}' | curl -sS "$URL/graphql" -H "authorization: Bearer $1" -H 'content-type: application/json' -d @-; }
verify() { curl -sS "$URL/v1/verify" -d "{\"key\": \"$1\", \"instanceId\": \"$2\"}"; echo; }

# --- apps, and how many keys each has
gql "$OWNER" '{ apps { id name keyCounts { total active expired orphaned } } }' | jq -c '.data.apps[]'  # {"id":"app_…","name":"Analyst","keyCounts":{…}}, and three more

# --- an instance of your own
APP=$(gql "$OWNER" '{ app(slug: "cloud-functions") { id } }' | jq -r .data.app.id)
INSTANCE=$(gql "$OWNER" 'mutation ($app: ID!) { createAppInstance(input: { appId: $app, name: "my-first" }) { instance { id } } }' "{\"app\": \"$APP\"}" | jq -r .data.createAppInstance.instance.id)

# --- watch its key counts, live
curl -sSN "$URL/graphql" -H "authorization: Bearer $OWNER" -H 'content-type: application/json' -H 'accept: text/event-stream' -d "{\"query\": \"subscription { keyCounts(instanceId: \\\"$INSTANCE\\\") { total active orphaned version } }\"}" > "${TMPDIR:-/tmp}/counts.log" &
WATCH=$!; sleep 1

# --- create a key: the plaintext is shown this once
CREATE='mutation ($in: ID!, $name: String!) { createApiKey(input: { instanceId: $in, name: $name, expiresInDays: 30 }) { plaintext apiKey { id hint expiresAt } } }'
CREATED=$(gql "$OWNER" "$CREATE" "{\"in\": \"$INSTANCE\", \"name\": \"ci\"}")
jq -c .data.createApiKey <<< "$CREATED"  # {"plaintext":"aura_…","apiKey":{…}}
KEY=$(jq -r .data.createApiKey.plaintext <<< "$CREATED")

# --- verify it, as a gateway does
verify "$KEY" "$INSTANCE"  # {"valid":true,"code":"VALID",…}

# --- a plain member without a role on the instance finds nothing there
gql "$OUTSIDER" "$CREATE" "{\"in\": \"$INSTANCE\", \"name\": \"mine\"}" | jq -c '.errors[0].extensions.code'  # "NOT_FOUND"

# --- revoke it: it is refused as soon as this answers
ID=$(gql "$OWNER" 'query ($in: ID!) { instance(id: $in) { apiKeys(first: 1) { edges { node { id } } } } }' "{\"in\": \"$INSTANCE\"}" | jq -r '.data.instance.apiKeys.edges[0].node.id')
REVOKE='mutation ($id: ID!) { revokeApiKey(input: { id: $id, acknowledged: true }) { apiKey { status revokedAt } propagation { nodes waitedMs } } }'
gql "$OWNER" "$REVOKE" "{\"id\": \"$ID\"}" | jq -c .data.revokeApiKey  # {"apiKey":{"status":"REVOKED",…},"propagation":{"nodes":1,"waitedMs":…}}
verify "$KEY" "$INSTANCE"  # {"valid":false,"code":"REVOKED"}

# --- delete the instance: its keys are orphans and open nothing
ORPHAN=$(gql "$OWNER" "$CREATE" "{\"in\": \"$INSTANCE\", \"name\": \"left-behind\"}" | jq -r .data.createApiKey.plaintext)
gql "$OWNER" 'mutation ($in: ID!) { deleteAppInstance(input: { id: $in, acknowledged: true }) { orphanedKeys } }' "{\"in\": \"$INSTANCE\"}" | jq -c .data.deleteAppInstance  # {"orphanedKeys":1}
verify "$ORPHAN" "$INSTANCE"  # {"valid":false,"code":"ORPHANED"}

# --- only the organization's owner and the Aura Owner see and revoke such keys
ORPHANS='query ($in: ID!) { apiKeys(filter: { instanceId: $in, status: [ORPHANED] }) { edges { node { id name orphanReason } } } }'
gql "$OUTSIDER" "$ORPHANS" "{\"in\": \"$INSTANCE\"}" | jq -c .data.apiKeys.edges  # []
ID=$(gql "$AURA" "$ORPHANS" "{\"in\": \"$INSTANCE\"}" | jq -r '.data.apiKeys.edges[0].node.id')
gql "$AURA" "$REVOKE" "{\"id\": \"$ID\"}" | jq -c .data.revokeApiKey  # {"apiKey":{"status":"REVOKED",…},"propagation":{"nodes":1,"waitedMs":…}}
verify "$ORPHAN" "$INSTANCE"  # {"valid":false,"code":"REVOKED"}

# --- what the watcher saw
sleep 1; kill "$WATCH"
grep '^data: {' "${TMPDIR:-/tmp}/counts.log"  # data: {"data":{"keyCounts":{"total":0,…}}}, and again after each change
