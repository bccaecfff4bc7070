package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"conclave/hsm/secret"
)

// Version is set when a release is built: -ldflags "-X conclave/ui/command.Version=1.0".
var Version = ""

// version is the release, or the commit that was built.
func version() string {
	v, info := Version, build()
	if v == "" {
		v = "development"
		if info.revision != "" {
			v += " " + info.revision[:min(12, len(info.revision))]
		}
	}
	if info.changed {
		v += ", changed"
	}
	return v
}

type built struct {
	revision string
	changed  bool
	cgo      bool
}

func build() built {
	var b built
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.modified":
			b.changed = s.Value == "true"
		case "CGO_ENABLED":
			b.cgo = s.Value == "1"
		}
	}
	return b
}

func (p *Process) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Which program this is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			own, err := ownSHA256()
			if err != nil {
				return err
			}
			pkcs11 := "yes"
			if !build().cgo {
				pkcs11 = "no (built without cgo): a local vault cannot be used"
			}
			erases := "yes"
			if !secret.Erases {
				erases = "no (built without GOEXPERIMENT=runtimesecret)"
			}
			table(c.OutOrStdout(), [][2]string{
				{"conclave", version()},
				{"go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
				{"PKCS#11", pkcs11},
				{"erases keys", erases},
				{"SHA-256", own + " (self-reported)"},
			})
			fmt.Fprintln(c.OutOrStdout())
			return nil
		},
	}
}
