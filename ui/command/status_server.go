package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"conclave/assets/clean"
	"conclave/vaultstate/server"
	"conclave/vaultstate/server/courier"
)

// serverState is what a running server says, for the status.
type serverState struct {
	Version      string   `json:"version"`
	Cluster      string   `json:"cluster_name"`
	ClusterID    string   `json:"cluster_id"`
	Certificates []string `json:"certificates"` // SPKI SHA-256, by address
	Ways         []string `json:"ways"`         // what can be done, and where
}

// serverStatus asks a running server. It changes nothing, and sends a token of
// the environment only where something wants one.
func (f *flags) serverStatus(ctx context.Context) (*status, error) {
	t, err := f.serverTarget()
	if e := errors.Join(forgetToken(), forgetPIN()); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	defer t.Wipe()
	t.config.Sender = courier.Send
	v, err := server.Open(ctx, t.config)
	if err != nil {
		return nil, explained(err)
	}
	defer func() { _ = v.Close() }() // nothing was begun
	st, err := v.Status(ctx)
	if err != nil {
		return nil, explained(err)
	}
	about, err := v.About(ctx)
	if err != nil {
		return nil, explained(err)
	}
	source := "flag -address"
	for _, value := range t.values {
		if value.Name == "address" {
			source = value.Source
		}
	}
	s := &status{
		Type: st.SealType, Initialized: st.Initialized, Sealed: st.Sealed != "no", Shares: st.Shares, Threshold: st.Threshold,
		RecoverySeal: st.SealType != "shamir", Storage: st.Name, Source: source, Servers: []string{st.Name}, Left: []left{}, Warnings: []string{},
		HSM:    hsmState{State: ofServer},
		Server: &serverState{Version: about.Version, Cluster: about.Cluster, ClusterID: about.ClusterID, Certificates: []string{}, Ways: []string{}},
	}
	for _, l := range st.Pending {
		s.Left = append(s.Left, left{"", string(l.Kind), l.State, l.Path, l.Made, l.CanUndo, l.Text})
	}
	for address, sum := range v.Certificates() {
		s.Server.Certificates = append(s.Server.Certificates, address+" "+sum.String())
	}
	if st.Initialized && st.Sealed == "no" {
		doors, err := v.Doors(ctx)
		if err != nil {
			return nil, explained(err)
		}
		for _, d := range doors {
			s.Server.Ways = append(s.Server.Ways, d.Text)
		}
	} else {
		s.Warnings = append(s.Warnings, st.Warnings...)
	}
	return s, nil
}

// ofServer is the HSM's state where the server has one of its own.
const ofServer = "the server's own"

// serverText prints the status of a server.
func (s *status) serverText(w io.Writer) error {
	yes := map[bool]string{true: "yes", false: "no"}
	rows := [][2]string{
		{"Server", clean.Clean(s.Storage) + "   (" + clean.Clean(s.Source) + ")"},
		{"Initialized", yes[s.Initialized]},
		{"Sealed", yes[s.Sealed]},
		{"Seal", s.Type},
	}
	if s.Initialized {
		rows = append(rows, [2]string{"Shares", fmt.Sprintf("%d, %d needed", s.Shares, s.Threshold)})
	}
	rows = append(rows, [2]string{"Says it is", "version " + s.Server.Version})
	if s.Server.Cluster != "" {
		rows = append(rows, [2]string{"Cluster", s.Server.Cluster + " " + s.Server.ClusterID})
	}
	rows = append(rows, listRows("Certificate", s.Server.Certificates, "none: the connection is not encrypted")...)
	rows = append(rows, listRows("Ceremonies", s.Server.Ways, "not asked")...)
	var pending []string
	for _, l := range s.Left {
		pending = append(pending, l.Text)
	}
	rows = append(rows, listRows("Pending", pending, "nothing")...)
	rows = append(rows, listRows("Warnings", s.Warnings, "none")...)
	return printRows(w, append(rows, s.healthRows()...))
}
