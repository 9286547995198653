import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** java.net.http.HttpClient, which builds no forms. It offers HTTP/2 first. */
class JdkClient extends Device {
    private final HttpClient client = HttpClient.newBuilder().sslContext(tls).build();

    JdkClient() throws Exception {}

    private Answer send(byte[] body, String type) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL))
                .header("Content-Type", type)
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
        var answer = client.send(request, BodyHandlers.ofString());
        String pause = answer.headers().firstValue("Retry-After").orElse("1");
        return new Answer(answer.statusCode(), pause, answer.body());
    }

    Answer register(String json) throws Exception {
        return send(json.getBytes(), "application/json");
    }

    Answer upload(Map<String, Path> files) throws Exception {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (var file : files.entrySet()) {
            String head = "--B\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n\r\n";
            body.write(head.formatted(file.getKey(), file.getValue().getFileName()).getBytes());
            Files.copy(file.getValue(), body);
            body.write("\r\n".getBytes());
        }
        body.write("--B--\r\n".getBytes());
        return send(body.toByteArray(), "multipart/form-data; boundary=B");
    }

    public static void main(String[] arguments) throws Exception {
        new JdkClient().run(arguments);
    }
}
