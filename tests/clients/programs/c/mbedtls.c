/* mbed TLS with HTTP by hand, as on a microcontroller. */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_x509_crt authority, certificate;
static mbedtls_pk_context key;
static char body[4 << 20], answer[1 << 20];

static void check(int failed, const char *what)
{
    if (failed != 0) {
        fprintf(stderr, "%s: -0x%04x\n", what, -failed);
        exit(2);
    }
}

static size_t add_file(size_t length, const char *argument)
{
    const char *path = strchr(argument, '=') + 1;
    FILE *file = fopen(path, "rb");
    length += sprintf(body + length, "--B\r\nContent-Disposition: form-data; name=\"%.*s\"\r\n\r\n",
                      (int)(path - argument - 1), argument);
    length += fread(body + length, 1, sizeof body - length - 64, file);
    fclose(file);
    return length + sprintf(body + length, "\r\n");
}

/* Send the body and read the answer until the server closes the connection. */
static void post(const char *host, const char *port, const char *path, const char *type, size_t length)
{
    mbedtls_net_context tcp;
    mbedtls_ssl_context tls;
    mbedtls_ssl_config config;
    char head[512];
    size_t count = 0;
    mbedtls_net_init(&tcp);
    mbedtls_ssl_init(&tls);
    mbedtls_ssl_config_init(&config);
    check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                      MBEDTLS_SSL_PRESET_DEFAULT), "configure");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
    mbedtls_ssl_conf_ca_chain(&config, &authority, NULL);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "certificate");
    check(mbedtls_ssl_setup(&tls, &config), "setup");
    check(mbedtls_ssl_set_hostname(&tls, host), "host");
    check(mbedtls_net_connect(&tcp, "127.0.0.1", port, MBEDTLS_NET_PROTO_TCP), "connect");
    mbedtls_ssl_set_bio(&tls, &tcp, mbedtls_net_send, mbedtls_net_recv, NULL);
    check(mbedtls_ssl_handshake(&tls), "handshake");
    int size = snprintf(head, sizeof head,
                        "POST %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\n\r\n", path, host, port, type, length);
    check(mbedtls_ssl_write(&tls, (unsigned char *)head, size) != size, "head");
    for (size_t sent = 0; sent < length;) {
        int wrote = mbedtls_ssl_write(&tls, (unsigned char *)body + sent, length - sent);
        check(wrote < 0 ? wrote : 0, "body");
        sent += wrote;
    }
    for (int got; count < sizeof answer - 1; count += got) {
        got = mbedtls_ssl_read(&tls, (unsigned char *)answer + count, sizeof answer - 1 - count);
        if (got <= 0)
            break;
    }
    answer[count] = '\0';
    mbedtls_ssl_free(&tls);
    mbedtls_ssl_config_free(&config);
    mbedtls_net_free(&tcp);
}

int main(int argc, char **argv)
{
    char host[64], port[8], path[64], psk[128] = "";
    const char *type = "application/json";
    size_t length = 0;
    int status = 0;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    mbedtls_x509_crt_init(&authority);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    check(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    check(mbedtls_x509_crt_parse_file(&authority, getenv("CA")), "CA");
    check(mbedtls_x509_crt_parse_file(&certificate, getenv("CERT")), "CERT");
    check(mbedtls_pk_parse_keyfile(&key, getenv("KEY"), NULL), "KEY");
    if (sscanf(getenv("URL"), "https://%63[^:]:%7[0-9]%63s", host, port, path) != 3)
        return 2;
    if (strcmp(argv[1], "register") == 0) {
        if (fgets(psk, sizeof psk, stdin) == NULL)
            return 2;
        length = sprintf(body, "{\"PSK\": \"%s\"}", psk);
    } else {
        type = "multipart/form-data; boundary=B";
        for (int i = 2; i < argc; i++)
            length = add_file(length, argv[i]);
        length += sprintf(body + length, "--B--\r\n");
    }
    for (int attempt = 0; attempt < 5; attempt++) {
        post(host, port, path, type, length);
        status = atoi(answer + strlen("HTTP/1.1 "));
        const char *pause = strstr(answer, "Retry-After: ");
        if ((status != 429 && status != 503) || pause == NULL)
            break;
        sleep(atoi(pause + strlen("Retry-After: ")));
    }
    printf("%d %s\n", status,
           status == 200 ? "delete"
           : status == 400 || status == 413 || status == 415 || status == 422 ? "set aside" : "keep");
    puts(strstr(answer, "\r\n\r\n") + 4);
    return 0;
}
