package term

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Displays says in sentences what else may show this terminal: connected
// screens beside the first, and a graphical session, whose programs see every
// window. sys is the root of the file system; what cannot be read is not said.
func Displays(sys fs.FS, env func(string) string) []string {
	var list []string
	names, _ := fs.Glob(sys, "sys/class/drm/*/status") // the pattern is right
	var on []string
	for _, name := range names {
		if b, err := fs.ReadFile(sys, name); err == nil && strings.TrimSpace(string(b)) == "connected" {
			_, connector, _ := strings.Cut(path.Base(path.Dir(name)), "-") // card0-HDMI-A-1
			on = append(on, connector)
		}
	}
	slices.Sort(on)
	if len(on) > 1 {
		list = append(list, "More than one screen is connected: "+strings.Join(on, ", ")+".")
	}
	switch {
	case env("WAYLAND_DISPLAY") != "":
		list = append(list, "This is a window of a graphical session (WAYLAND_DISPLAY): it may be mirrored or shared.")
	case env("DISPLAY") != "":
		list = append(list, "This is a window of a graphical session (DISPLAY): other programs of it can see this one.")
	}
	return list
}
