//go:build linux

package memscan

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Interrupt sends SIGURG, by which Go stops a thread, to every thread of process
// pid and of its children, again and again with a pause between. The kernel puts
// the registers of whatever runs onto the thread's signal stack: what is left in
// a register is found in memory then. end stops it and returns how many signals
// were sent.
func Interrupt(pid int, pause time.Duration) (end func() int) {
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		sent := 0
		for {
			select {
			case <-stop:
				ended <- sent
				return
			case <-time.After(pause):
				sent += interrupt(pid)
			}
		}
	}()
	return sync.OnceValue(func() int {
		close(stop)
		return <-ended
	})
}

func interrupt(pid int) int {
	sent := 0
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // it may have ended
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err == nil && unix.Tgkill(pid, tid, unix.SIGURG) == nil {
			sent++
		}
	}
	for _, child := range Children(pid) {
		sent += interrupt(child)
	}
	return sent
}

// Children are the processes that a process has started and that have not ended.
func Children(pid int) []int {
	var list []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // it may have ended
	for _, task := range tasks {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, f := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(f); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}
