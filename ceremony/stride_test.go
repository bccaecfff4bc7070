//go:build !race

package ceremony_test

// stride is the step of the tests that stop a ceremony at each of its pages or
// events.
const stride = 1
