package storage

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestOwnChildren: between fork and exec a child of this process has its files
// open. It is no server.
func TestOwnChildren(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(filepath.Join(root, "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := exec.CommandContext(t.Context(), "/bin/true").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 60 {
		found, _, err := processes("/proc", root)
		if err != nil || len(found) > 0 {
			t.Errorf("found %q, %v", found, err)
			break
		}
	}
	close(stop)
	wg.Wait()

	// One that keeps a file open is found all the same.
	c := exec.CommandContext(t.Context(), "/bin/cat")
	c.ExtraFiles = []*os.File{f}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if found, _, err := processes("/proc", root); err != nil || len(found) != 1 {
		t.Errorf("found %q, %v", found, err)
	}
	_ = in.Close()
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
