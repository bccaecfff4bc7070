package servertest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Requests and what is answered to them: which path is which call, and who may.

type m = map[string]any

type reply struct {
	code int
	body any
}

func refuse(code int, format string, a ...any) reply {
	return reply{code, m{"errors": []string{fmt.Sprintf(format, a...)}}}
}

func (f *Server) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if f.Before != nil {
		f.Before(path)
	}
	in := m{}
	if r.Method != http.MethodGet {
		_ = json.NewDecoder(r.Body).Decode(&in)
	}
	_, isShare := in["key"]
	out := f.handle(r, path, in)
	if isShare {
		f.Shares++
		if f.After != nil {
			f.After(f.Shares)
		}
	}
	if f.Drop != nil && f.Drop(r.Method, path) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(out.code)
	if out.body != nil {
		_ = json.NewEncoder(w).Encode(out.body)
	}
}

func (f *Server) handle(r *http.Request, path string, in m) reply {
	_, known := f.Tokens[r.Header.Get("X-Vault-Token")]
	sys, isSys := strings.CutPrefix(path, "sys/")
	switch {
	case path == "sys/init" && r.Method == http.MethodGet:
		return reply{200, m{"initialized": f.Initialized}}
	case path == "sys/init":
		return f.init(in)
	case path == "sys/seal-status":
		return reply{200, f.status()}
	case path == "sys/unseal":
		return f.unsealWith(in)
	case path == "sys/leader":
		return reply{200, m{"ha_enabled": true, "is_self": !f.Standby, "leader_address": "https://active.example:8200"}}
	case path == "sys/health":
		code := 200
		switch {
		case !f.Initialized:
			code = 501
		case f.Sealed:
			code = 503
		case f.Standby:
			code = 429
		}
		return reply{code, m{}}
	case f.Sealed:
		return refuse(503, "Vault is sealed")
	case path == "auth/token/lookup-self" && known:
		return reply{200, m{"data": m{"accessor": f.Tokens[r.Header.Get("X-Vault-Token")], "policies": []string{"root"}}}}
	case path == "auth/token/create-orphan" && known:
		if f.NoOrphans {
			return refuse(403, "permission denied")
		}
		ttl, err := time.ParseDuration(fmt.Sprint(in["ttl"]))
		if err != nil {
			return refuse(400, "bad ttl")
		}
		token := "s." + id() + id()[:8]
		f.Tokens[token] = id()
		return reply{200, m{"auth": m{"client_token": token, "accessor": f.Tokens[token], "lease_duration": int(ttl.Seconds()), "policies": in["policies"]}}}
	case path == "auth/token/revoke-self" && known:
		if !f.Keep {
			delete(f.Tokens, r.Header.Get("X-Vault-Token"))
		}
		return reply{204, nil}
	case !isSys:
		return refuse(403, "permission denied")
	case sys == "key-status" && known:
		return reply{200, m{"data": m{"term": f.Term, "install_time": "2026-11-23T07:59:35.741067081Z"}}}
	case sys == "rotate" && known:
		f.Term++
		return reply{204, nil}
	}
	for prefix, kind := range map[string]string{"rekey/": "rekey", "rekey-recovery-key/": "recovery", "generate-root/": "root"} {
		if at, ok := strings.CutPrefix(sys, prefix); ok {
			switch {
			case !f.Dialect.Old && kind == "recovery":
				return refuse(404, "unsupported path")
			case !f.Dialect.Old:
				return refuse(405, "unsupported operation")
			case f.Dialect.OldToken && !known:
				return refuse(403, "permission denied")
			}
			return f.operate(kind, r.Method, at, in)
		}
	}
	if !known {
		return refuse(403, "permission denied")
	}
	for prefix, kind := range map[string]string{"rotate/root/": "rekey", "rotate/recovery/": "recovery", "generate-root-token/": "root"} {
		if at, ok := strings.CutPrefix(sys, prefix); ok && (kind == "root" && f.Dialect.RootToken || kind != "root" && f.Dialect.Rotate) {
			f.Newer = true
			out := f.operate(kind, r.Method, at, in)
			f.Newer = false
			if body, ok := out.body.(m); ok && body["errors"] == nil {
				out.body = m{"request_id": id(), "data": body}
			}
			return out
		}
	}
	return refuse(404, "1 error occurred:\n\t* unsupported path\n\n")
}

func (f *Server) status() m {
	seal := "fake"
	if f.Dialect.Shamir {
		seal = "shamir"
	}
	return m{"type": seal, "initialized": f.Initialized, "sealed": f.Sealed, "t": f.Threshold, "n": f.N, "progress": len(f.Unseal),
		"nonce": f.UnsealNonce, "recovery_seal": !f.Dialect.Shamir, "cluster_id": "fake"}
}

func number(in m, name string) int {
	v, _ := in[name].(float64)
	return int(v)
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		b, err := base64.StdEncoding.DecodeString(fmt.Sprint(x))
		if err != nil {
			return nil
		}
		out = append(out, string(b))
	}
	return out
}
