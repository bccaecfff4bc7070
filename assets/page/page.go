// Package page holds what an HTML report is made of: the template, the style and
// the script. ceremony/record fills the template.
//
// The style and the script are pages' own text, named there by their SHA-256:
// a browser that keeps to the page's policy runs no other. The script checks
// the lines that the page carries and needs nothing else; a page is whole
// without it.
package page

import _ "embed"

// Template is a template of html/template.
//
//go:embed page.html
var Template string

// Sheets is a template of html/template for paper that has no record yet.
//
//go:embed sheets.html
var Sheets string

// Style is the text of the page's style element.
//
//go:embed page.css
var Style string

// Script is the text of the page's script element.
//
//go:embed page.js
var Script string
