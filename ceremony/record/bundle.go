package record

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// File is one file of a bundle.
type File struct {
	Name string
	Data []byte
}

// Bundle makes the files of a directory for an auditor: the audit to read, to
// print and to look at, the report as data, the lines of the transcript, and
// the digests of all these. A transcript that is broken is not among them: what
// could be read of it would pass for the whole.
func (p *Page) Bundle() ([]File, error) {
	mark := ""
	if p.Practice {
		mark = "PRACTICE-"
	}
	var files []File
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"audit.txt", p.Audit}, {"audit.html", p.AuditHTML}, {"audit.pdf", p.AuditPDF}, {"report.json", p.JSON}, {"transcript.jsonl", p.transcript},
	} {
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			return nil, fmt.Errorf("making %s: %w", f.name, err)
		}
		if b.Len() > 0 {
			files = append(files, File{mark + f.name, b.Bytes()})
		}
	}
	var sums strings.Builder
	for _, f := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.Data), f.Name)
	}
	return append(files, File{mark + "sha256sums", []byte(sums.String())}), nil
}

// transcript writes the lines as they were read.
func (p *Page) transcript(w io.Writer) error {
	if p.Code == 4 {
		return nil
	}
	for _, l := range p.lines {
		if _, err := io.WriteString(w, l+"\n"); err != nil {
			return err
		}
	}
	return nil
}
