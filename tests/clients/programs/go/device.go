// net/http with mime/multipart; the form is a stream, sent in chunks.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func client() *http.Client {
	authority, err := os.ReadFile(os.Getenv("CA"))
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(os.Getenv("CERT"), os.Getenv("KEY"))
	check(err)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

func form(files []string) (io.Reader, string) {
	reader, writer := io.Pipe()
	parts := multipart.NewWriter(writer)
	go func() {
		for _, file := range files {
			name, path, _ := strings.Cut(file, "=")
			content, err := os.Open(path)
			check(err)
			part, err := parts.CreateFormFile(name, filepath.Base(path))
			if err == nil {
				_, err = io.Copy(part, content)
			}
			content.Close()
			if err != nil { // the server has answered already
				writer.CloseWithError(err)
				return
			}
		}
		parts.Close()
		writer.Close()
	}()
	return reader, parts.FormDataContentType()
}

func main() {
	command, files := os.Args[1], os.Args[2:]
	psk := ""
	if command == "register" {
		key, err := io.ReadAll(os.Stdin)
		check(err)
		psk = string(key)
	}
	device := client()
	for attempt := 1; ; attempt++ {
		var body io.Reader
		kind := "application/json"
		if command == "register" {
			text, _ := json.Marshal(map[string]string{"PSK": psk})
			body = bytes.NewReader(text)
		} else {
			body, kind = form(files)
		}
		answer, err := device.Post(os.Getenv("URL"), kind, body)
		check(err)
		text, err := io.ReadAll(answer.Body)
		check(err)
		answer.Body.Close()
		if (answer.StatusCode == 429 || answer.StatusCode == 503) && attempt < 5 {
			seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
			time.Sleep(time.Duration(seconds) * time.Second)
			continue
		}
		decision := "keep"
		switch answer.StatusCode {
		case 200:
			decision = "delete"
		case 400, 413, 415, 422:
			decision = "set aside"
		}
		fmt.Println(answer.StatusCode, decision)
		fmt.Println(string(text))
		return
	}
}
