package api

import (
	"net/http"
	"strings"

	"conclave/vaultstate"
)

// routes are the endpoints, by path below /v1/.
var routes map[string]route

func init() { // the endpoints ask for routes themselves
	routes = map[string]route{
		"sys/seal-status": {get: sealStatus},
		"sys/health":      {get: health},
		"sys/leader":      {get: leader},
		"sys/init":        {get: isInitialized, put: initialize, large: true},

		"sys/rekey/init":   {kind: vaultstate.Rekey, get: rekeyStatus, put: beginRekey, drop: cancelRekey, large: true},
		"sys/rekey/update": {kind: vaultstate.Rekey, put: giveShare},

		"sys/rekey-recovery-key/init":   {kind: vaultstate.RecoveryRekey, get: rekeyStatus, put: beginRekey, drop: cancelRekey, large: true},
		"sys/rekey-recovery-key/update": {kind: vaultstate.RecoveryRekey, put: giveShare},
		"sys/rekey-recovery-key/verify": {kind: vaultstate.RecoveryRekey, get: verifyStatus, put: verify, drop: restartVerify},

		"sys/generate-root/attempt": {kind: vaultstate.GenerateRoot, get: rootStatus, put: beginRoot, drop: cancelRoot, large: true},
		"sys/generate-root/update":  {kind: vaultstate.GenerateRoot, put: giveShare},

		"sys/rotate":             {kind: vaultstate.Rotate, put: rotate},
		"sys/rotate/keyring":     {kind: vaultstate.Rotate, put: rotate},
		"sys/key-status":         {kind: vaultstate.Rotate, get: keyStatus},
		"auth/token/lookup-self": {get: lookupSelf},
		"auth/token/revoke-self": {put: revokeSelf},
	}
}

// path is the path below /v1/, "" if it is none.
func path(r *http.Request) string {
	p, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok {
		return ""
	}
	return p
}

// kindOf is the kind of operation whose endpoint a path is.
func (c *call) kind() vaultstate.Kind { return routes[c.path].kind }
