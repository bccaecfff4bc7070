package barrier

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"conclave/hsm/secret"
)

// mountsLimit bounds what a compressed mount table may unpack to.
const mountsLimit = 64 << 20

// Mount is one line of the mount table.
type Mount struct {
	Path string `json:"path"` // with its slash: "secret/"
	Type string `json:"type"`
	UUID string `json:"uuid"` // its entries lie under logical/UUID/
	// Namespace is "" or "root" for the root namespace.
	Namespace string            `json:"namespace_id"`
	Options   map[string]string `json:"options"`
	Config    struct {
		MaxLeaseTTL time.Duration `json:"max_lease_ttl"` // nanoseconds; 0: the system's
	} `json:"config"`
}

// ParseMounts reads the plaintext of core/mounts or core/auth: JSON, or the byte G and then
// JSON packed by gzip. The table holds no key; what it holds is copied to the
// heap.
func ParseMounts(plain secret.Bytes) ([]Mount, error) {
	list, err := parseMounts(plain.Expose())
	if err != nil {
		return nil, fmt.Errorf("reading the mount table: %w", err)
	}
	return list, nil
}

func parseMounts(b []byte) ([]Mount, error) {
	b, err := unpack(b)
	if err != nil {
		return nil, err
	}
	var table struct {
		Entries []Mount `json:"entries"`
	}
	if err := json.Unmarshal(b, &table); err != nil {
		return nil, corrupt("it is not JSON of the known shape")
	}
	for _, m := range table.Entries {
		if m.Path == "" || m.UUID == "" {
			return nil, corrupt("a mount has no path or no id")
		}
	}
	return table.Entries, nil
}

func unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, corrupt("it is empty")
	}
	if b[0] == '{' {
		return b, nil
	}
	if b[0] != 'G' {
		return nil, corrupt("it is packed in a way that Conclave does not know")
	}
	z, err := gzip.NewReader(bytes.NewReader(b[1:]))
	if err != nil {
		return nil, corrupt("it cannot be unpacked")
	}
	out, err := io.ReadAll(io.LimitReader(z, mountsLimit+1))
	if err != nil {
		return nil, corrupt("it cannot be unpacked")
	}
	if len(out) > mountsLimit {
		return nil, corrupt("it unpacks to more than %d bytes", mountsLimit)
	}
	return out, nil
}

// SecretPath is the barrier entry of a secret in a key-value mount of version 1
// ("secret/term-1"), "" if no mount of the root namespace holds it.
func SecretPath(mounts []Mount, path string) string {
	var best Mount
	for _, m := range mounts {
		root := m.Namespace == "" || m.Namespace == "root"
		if root && strings.HasPrefix(path, m.Path) && len(path) > len(m.Path) && len(m.Path) > len(best.Path) {
			best = m
		}
	}
	if best.Path == "" || best.Options["version"] == "2" {
		return ""
	}
	return "logical/" + best.UUID + "/" + strings.TrimPrefix(path, best.Path)
}
