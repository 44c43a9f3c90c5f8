// A KMS v2 plugin for tests. What it does is in a control file, read anew at each call, so a test can take keys away,
// change the newest, make it slow or wrong. Each call is a line on standard output.
package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/kms/pkg/service"
)

// control is the file's content.
type control struct {
	// KeyID names the key that encrypts.
	KeyID string `json:"keyID"`
	// Keys holds AES-256 keys by their ids.
	Keys map[string][]byte `json:"keys"`
	// DelayMilliseconds passes before each answer.
	DelayMilliseconds int `json:"delayMilliseconds"`
	// Fail is answered as an error, if there is something.
	Fail string `json:"fail"`
	// Garbage makes the answers to Encrypt and Decrypt random bytes.
	Garbage bool `json:"garbage"`
}

type plugin struct{ path string }

func (p plugin) begin(call string) (control, error) {
	var c control
	fmt.Println(call)
	text, err := os.ReadFile(p.path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	time.Sleep(time.Duration(c.DelayMilliseconds) * time.Millisecond)
	if c.Fail != "" {
		return c, errors.New(c.Fail)
	}
	return c, nil
}

func (c control) aead(id string) (cipher.AEAD, error) {
	key, known := c.Keys[id]
	if !known {
		return nil, fmt.Errorf("there is no key %q", id)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func random() []byte {
	bytes := make([]byte, 32)
	rand.Read(bytes)
	return bytes
}

func (p plugin) Status(context.Context) (*service.StatusResponse, error) {
	c, err := p.begin("status")
	if err != nil {
		return nil, err
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: c.KeyID}, nil
}

func (p plugin) Encrypt(_ context.Context, _ string, data []byte) (*service.EncryptResponse, error) {
	c, err := p.begin("encrypt")
	if err != nil {
		return nil, err
	}
	annotations := map[string][]byte{"kms-plugin.fedd.io": []byte("test")}
	if c.Garbage {
		return &service.EncryptResponse{Ciphertext: random(), KeyID: c.KeyID, Annotations: annotations}, nil
	}
	aead, err := c.aead(c.KeyID)
	if err != nil {
		return nil, err
	}
	return &service.EncryptResponse{
		Ciphertext: aead.Seal(nil, nil, data, []byte(c.KeyID)), KeyID: c.KeyID, Annotations: annotations,
	}, nil
}

func (p plugin) Decrypt(_ context.Context, _ string, request *service.DecryptRequest) ([]byte, error) {
	c, err := p.begin("decrypt")
	if err != nil {
		return nil, err
	}
	if c.Garbage {
		return random(), nil
	}
	aead, err := c.aead(request.KeyID)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, request.Ciphertext, []byte(request.KeyID))
}

func main() {
	socket := flag.String("socket", "", "the Unix socket to listen on")
	path := flag.String("control", "", "the file that says what to do")
	flag.Parse()
	if err := service.NewGRPCService(*socket, 10*time.Second, plugin{*path}).ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
