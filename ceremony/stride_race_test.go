//go:build race

package ceremony_test

// Under the race detector a run takes ten times as long: every seventh is held.
const stride = 7
