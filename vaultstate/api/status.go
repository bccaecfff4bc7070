package api

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"conclave/vaultstate"
)

// sealType is what the storage says, or what it will say.
func sealType(st vaultstate.Status) string { return cmp.Or(st.SealType, "pkcs11") }

func isInitialized(s *Server, c *call) (*answer, error) {
	st, err := s.o.Vault.Status(c.ctx)
	if err != nil {
		return nil, err
	}
	return object(public("initialized", st.Initialized)), nil
}

// sealStatus says that an initialised vault is unsealed: its HSM opens it.
func sealStatus(s *Server, c *call) (*answer, error) {
	st, err := s.o.Vault.Status(c.ctx)
	if err != nil {
		return nil, err
	}
	return object(public("type", sealType(st)), public("initialized", st.Initialized), public("sealed", !st.Initialized),
		public("t", st.Threshold), public("n", st.Shares), public("progress", 0), public("nonce", ""),
		public("version", s.o.Version), public("build_date", ""), public("migration", false),
		public("recovery_seal", true), public("recovery_seal_type", "shamir"), public("storage_type", "file")), nil
}

// codes are the statuses of health, by the parameter that gives another one.
// Here nobody is ever standby: what asks for 200 then is asked in vain.
func health(s *Server, c *call) (*answer, error) {
	st, err := s.o.Vault.Status(c.ctx)
	if err != nil {
		return nil, err
	}
	status, name, mode := http.StatusOK, "activecode", "disabled"
	if !st.Initialized {
		status, name, mode = http.StatusNotImplemented, "uninitcode", "unknown"
	}
	if given := c.URL.Query().Get(name); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 200 || n > 599 {
			return nil, refuse(http.StatusBadRequest)
		}
		status = n
	}
	a := object(public("initialized", st.Initialized), public("sealed", !st.Initialized), public("standby", !st.Initialized),
		public("performance_standby", false), public("replication_performance_mode", mode), public("replication_dr_mode", mode),
		public("server_time_utc", s.o.Now().Unix()), public("version", s.o.Version))
	a.status = status
	return a, nil
}

func leader(*Server, *call) (*answer, error) {
	return object(public("ha_enabled", false), public("is_self", false), public("active_time", time.Time{}),
		public("leader_address", ""), public("leader_cluster_address", "")), nil
}
