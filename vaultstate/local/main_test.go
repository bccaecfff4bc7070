package local_test

import (
	"os"
	"testing"

	"conclave/hsm/worker"
)

func TestMain(m *testing.M) {
	worker.Child()
	os.Exit(m.Run())
}
