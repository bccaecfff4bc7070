package plan

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"conclave/vaultstate"
)

// argument is one that a plan may have, and the flag that says the same.
type argument struct {
	name, flag string
	path       bool
	kinds      []vaultstate.Kind // nil: of all
}

var (
	mayIssue    = slices.Concat(issuing, moving)
	moving      = []vaultstate.Kind{vaultstate.Rewrap}
	kinds       = []vaultstate.Kind{vaultstate.Init, Unseal, vaultstate.Rekey, vaultstate.RecoveryRekey, vaultstate.Rotate, vaultstate.ReEncrypt, vaultstate.GenerateRoot, vaultstate.Recover, vaultstate.Rewrap, Retire, Drill, RevokeRoot}
	proving     = []vaultstate.Kind{Drill}
	confirmable = []vaultstate.Kind{vaultstate.Recover, Drill}
	mayKey      = slices.Concat(mayIssue, proving)
	changing    = slices.DeleteFunc(slices.Clone(kinds), func(k vaultstate.Kind) bool { return !confirmsTwice(k) })

	without = func(k vaultstate.Kind) []vaultstate.Kind {
		return slices.DeleteFunc(slices.Clone(kinds), func(x vaultstate.Kind) bool { return x == k })
	}

	topArguments = []argument{
		{name: "id", flag: "id"},
		{name: "purpose", flag: "purpose"},
		{name: "previous", flag: "previous", path: true},
		{name: "second_medium", flag: "second-medium", path: true},
		{name: "attendance", flag: "attendance"},
		{name: "offline", flag: "offline"},
		{name: "approvals", flag: Approvals},
		{name: "retention_years", flag: "retention-years"},
		{name: "drill_months", flag: "drill-months"},
		{name: "backup_drill_months", flag: "backup-drill-months"},
		{name: "suspended_days", flag: "suspended-days", kinds: mayIssue},
		{name: "challenge", flag: "challenge", kinds: changing},
		{name: "with_rekey", flag: "with-rekey", kinds: moving},
		{name: "with_recovery_rekey", flag: "with-recovery-rekey", kinds: moving},
		{name: "anchor", flag: "anchor"},
		{name: "adopt_state", flag: "adopt-state", kinds: without(vaultstate.Init)},
		{name: "accessor", flag: "accessor", kinds: revoking},
		{name: "proof", flag: "proof", kinds: proving},
		{name: "compare_recovery_key", flag: "compare-recovery-key", kinds: proving},
		{name: "api", flag: "api", kinds: []vaultstate.Kind{vaultstate.Init, vaultstate.Rotate}},
		{name: "unseal_keys", flag: "unseal-keys", kinds: []vaultstate.Kind{vaultstate.RecoveryRekey}},
		{name: "deep", flag: "deep", kinds: []vaultstate.Kind{Unseal}},
		{name: "root_token", flag: "root-token", kinds: []vaultstate.Kind{vaultstate.Init}},
		{name: "root_token_pgp_key", flag: "root-token-pgp-key", path: true, kinds: []vaultstate.Kind{vaultstate.Init, vaultstate.GenerateRoot}},
		{name: "root_token_fingerprint", flag: "root-token-fingerprint", kinds: tokenKinds},
		{name: "root_token_receiver", flag: "root-token-receiver", kinds: tokenKinds},
		{name: "root_token_ttl", flag: "root-token-ttl", kinds: []vaultstate.Kind{vaultstate.GenerateRoot}},
		{name: "root_token_until", flag: "root-token-until", kinds: tokenKinds},
		{name: "reason", flag: "reason", kinds: []vaultstate.Kind{vaultstate.Recover, vaultstate.Rewrap}},
		{name: "break_glass", flag: "break-glass", kinds: []vaultstate.Kind{vaultstate.Recover}},
		{name: "head", flag: "head", kinds: confirmable},
		{name: "trust", flag: "trust", path: true, kinds: confirmable},
		{name: "key_shares", flag: "key-shares", kinds: []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey}},
		{name: "key_threshold", flag: "key-threshold", kinds: []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey}},
		{name: "stored_shares", flag: "stored-shares", kinds: []vaultstate.Kind{vaultstate.Init, vaultstate.Rekey}},
	}
	blockArguments = map[string][]argument{
		"vault": {{name: "config", flag: "config", path: true}, {name: "storage", flag: "storage", path: true},
			{name: "address", flag: "address", kinds: serverKinds}, {name: "ca_cert", flag: "ca-cert", path: true, kinds: serverKinds},
			{name: "tls_server_name", flag: "tls-server-name", kinds: serverKinds}, {name: "namespace", flag: "namespace", kinds: serverKinds},
			{name: "client_cert", flag: "client-cert", path: true, kinds: serverKinds}, {name: "client_key", flag: "client-key", path: true, kinds: serverKinds},
			{name: "proxy", flag: "proxy", kinds: serverKinds}, {name: "certificate", flag: "certificate", kinds: serverKinds},
			{name: "nodes", flag: "node", kinds: []vaultstate.Kind{Unseal}}},
		"hsm": {
			{name: "lib", flag: "hsm-lib", path: true}, {name: "token_label", flag: "hsm-token-label"},
			{name: "token_serial", flag: "hsm-token-serial"}, {name: "slot", flag: "hsm-slot"},
			{name: "key_label", flag: "hsm-key-label"}, {name: "key_id", flag: "hsm-key-id"},
			{name: "mechanism", flag: "hsm-mechanism"}, {name: "rsa_oaep_hash", flag: "hsm-rsa-oaep-hash"},
			{name: "generate_key", flag: "hsm-generate-key"},
			{name: "sign_record", flag: "hsm-sign-record"}, {name: "sign_record_generate", flag: "hsm-sign-record-generate"},
			{name: "hmac_key_label", flag: "hsm-hmac-key-label"}, {name: "hmac_key_id", flag: "hsm-hmac-key-id"},
			{name: "accept_unauthenticated_seal", flag: "accept-unauthenticated-seal", kinds: []vaultstate.Kind{vaultstate.Init}},
		},
		"new_hsm": {
			{name: "lib", flag: "new-hsm-lib", path: true, kinds: moving}, {name: "token_label", flag: "new-hsm-token-label", kinds: moving},
			{name: "token_serial", flag: "new-hsm-token-serial", kinds: moving}, {name: "slot", flag: "new-hsm-slot", kinds: moving},
			{name: "key_label", flag: "new-hsm-key-label", kinds: moving}, {name: "key_id", flag: "new-hsm-key-id", kinds: moving},
			{name: "mechanism", flag: "new-hsm-mechanism", kinds: moving}, {name: "rsa_oaep_hash", flag: "new-hsm-rsa-oaep-hash", kinds: moving},
			{name: "generate_key", flag: "new-hsm-generate-key", kinds: moving},
			{name: "hmac_key_label", flag: "new-hsm-hmac-key-label", kinds: moving}, {name: "hmac_key_id", flag: "new-hsm-hmac-key-id", kinds: moving},
			{name: "accept_unauthenticated_seal", flag: "accept-unauthenticated-seal", kinds: moving},
		},
		"old_hsm": {
			{name: "lib", flag: "old-hsm-lib", path: true, kinds: retiring}, {name: "token_label", flag: "old-hsm-token-label", kinds: retiring},
			{name: "token_serial", flag: "old-hsm-token-serial", kinds: retiring}, {name: "slot", flag: "old-hsm-slot", kinds: retiring},
			{name: "key_label", flag: "old-hsm-key-label", kinds: retiring}, {name: "key_id", flag: "old-hsm-key-id", kinds: retiring},
			{name: "mechanism", flag: "old-hsm-mechanism", kinds: retiring}, {name: "rsa_oaep_hash", flag: "old-hsm-rsa-oaep-hash", kinds: retiring},
			{name: "hmac_key_label", flag: "old-hsm-hmac-key-label", kinds: retiring}, {name: "hmac_key_id", flag: "old-hsm-hmac-key-id", kinds: retiring},
		},
		"recovery": {
			{name: "shares", flag: "recovery-shares", kinds: mayIssue}, {name: "threshold", flag: "recovery-threshold", kinds: mayIssue},
			{name: "skip_proof", flag: "skip-proof", kinds: mayIssue},
		},
		"operator": {{name: "organisation"}, {name: "email"}},
		"witness": {
			{name: "organisation"}, {name: "email"}, {name: "pgp_key", path: true, kinds: changing}, {name: "fingerprint", kinds: changing},
		},
		"pin_holder": {{name: "organisation"}, {name: "email"}},
		"auditor":    {{name: "organisation"}, {name: "email"}},
		"approver":   {{name: "organisation"}, {name: "email"}, {name: "key"}},
		"custodian": {
			{name: "organisation"}, {name: "email"}, {name: "reports_to"}, {name: "site"},
			{name: "pgp_key", path: true, kinds: mayKey}, {name: "fingerprint", kinds: mayKey},
		},
		"accept": {{name: "reason"}},
	}
	labelled = []string{"operator", "witness", "pin_holder", "auditor", "approver", "custodian", "accept"}
	several  = []string{"witness", "pin_holder", "approver", "auditor", "custodian", "accept"}
)

// Approvals is the one setting that no flag says: approvers are in a plan's file.
const Approvals = "approvals"

// numbers and flags are the settings that are not any text.
var (
	numbers = []string{"recovery-shares", "recovery-threshold", "key-shares", "key-threshold", "stored-shares", "attendance", Approvals, "retention-years", "drill-months", "backup-drill-months", "suspended-days"}
	truths  = []string{"offline", "deep", "api", "unseal-keys", "compare-recovery-key", "hsm-generate-key", "hsm-sign-record-generate", "skip-proof", "accept-unauthenticated-seal", "new-hsm-generate-key", "with-rekey", "with-recovery-rekey"}
)

func attributes(list []argument) []hcl.AttributeSchema {
	var out []hcl.AttributeSchema
	for _, a := range list {
		out = append(out, hcl.AttributeSchema{Name: a.name})
	}
	return out
}
