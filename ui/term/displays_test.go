package term_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"conclave/ui/term"
)

func TestDisplays(t *testing.T) {
	drm := func(states map[string]string) fstest.MapFS {
		m := fstest.MapFS{}
		for name, s := range states {
			m["sys/class/drm/"+name+"/status"] = &fstest.MapFile{Data: []byte(s + "\n")}
		}
		return m
	}
	for name, c := range map[string]struct {
		sys  fstest.MapFS
		env  map[string]string
		want []string
	}{
		"nothing is known": {drm(nil), nil, nil},
		"one screen":       {drm(map[string]string{"card0-eDP-1": "connected", "card0-HDMI-A-1": "disconnected"}), nil, nil},
		"two": {drm(map[string]string{"card0-eDP-1": "connected", "card0-HDMI-A-1": "connected"}), nil,
			[]string{"More than one screen is connected: HDMI-A-1, eDP-1."}},
		"a window": {drm(nil), map[string]string{"DISPLAY": ":0"},
			[]string{"This is a window of a graphical session (DISPLAY): other programs of it can see this one."}},
		"wayland": {drm(nil), map[string]string{"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"},
			[]string{"This is a window of a graphical session (WAYLAND_DISPLAY): it may be mirrored or shared."}},
	} {
		if got := term.Displays(c.sys, func(k string) string { return c.env[k] }); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
