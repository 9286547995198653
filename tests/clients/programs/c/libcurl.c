/* libcurl: curl_mime, the file is read while it is sent. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *decide(long status)
{
    switch (status) {
    case 200: return "delete";
    case 400: case 413: case 415: case 422: return "set aside";
    default: return "keep";
    }
}

static void add_file(curl_mime *form, char *argument)
{
    char *path = strchr(argument, '=');
    curl_mimepart *part = curl_mime_addpart(form);
    *path++ = '\0';
    curl_mime_name(part, argument);
    curl_mime_filedata(part, path);
}

int main(int argc, char **argv)
{
    char psk[128] = "", json[160];
    CURL *curl = curl_easy_init();
    curl_mime *form = curl_mime_init(curl);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    FILE *answer = NULL;
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, getenv("URL"));
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("CA"));
    curl_easy_setopt(curl, CURLOPT_SSLCERT, getenv("CERT"));
    curl_easy_setopt(curl, CURLOPT_SSLKEY, getenv("KEY"));
    if (strcmp(argv[1], "register") == 0) {
        if (fgets(psk, sizeof psk, stdin) == NULL)
            return 2;
        snprintf(json, sizeof json, "{\"PSK\": \"%s\"}", psk);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    } else {
        for (int i = 2; i < argc; i++)
            add_file(form, argv[i]);
        curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);
    }
    for (int attempt = 0; attempt < 5; attempt++) {
        curl_off_t pause = 0;
        answer = tmpfile();
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        CURLcode code = curl_easy_perform(curl);
        if (code != CURLE_OK) {
            fprintf(stderr, "%s\n", curl_easy_strerror(code));
            return 2;
        }
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &pause);
        if (status != 429 && status != 503)
            break;
        sleep((unsigned)pause);
    }
    printf("%ld %s\n", status, decide(status));
    rewind(answer);
    for (int byte; (byte = getc(answer)) != EOF;)
        putchar(byte);
    curl_mime_free(form);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return 0;
}
