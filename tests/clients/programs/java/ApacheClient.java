import java.nio.file.Path;
import java.util.Map;
import org.apache.http.Header;
import org.apache.http.HttpEntity;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.entity.ContentType;
import org.apache.http.entity.StringEntity;
import org.apache.http.entity.mime.MultipartEntityBuilder;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;

/** Apache HttpClient 4. */
class ApacheClient extends Device {
    private final CloseableHttpClient client = HttpClients.custom().setSSLContext(tls).build();

    ApacheClient() throws Exception {}

    private Answer send(HttpEntity body) throws Exception {
        HttpPost request = new HttpPost(URL);
        request.setEntity(body);
        try (CloseableHttpResponse answer = client.execute(request)) {
            Header pause = answer.getFirstHeader("Retry-After");
            int status = answer.getStatusLine().getStatusCode();
            String text = EntityUtils.toString(answer.getEntity());
            return new Answer(status, pause == null ? "1" : pause.getValue(), text);
        }
    }

    Answer register(String json) throws Exception {
        return send(new StringEntity(json, ContentType.APPLICATION_JSON));
    }

    Answer upload(Map<String, Path> files) throws Exception {
        MultipartEntityBuilder form = MultipartEntityBuilder.create();
        files.forEach((name, path) -> form.addBinaryBody(
                name, path.toFile(), ContentType.TEXT_PLAIN, path.getFileName().toString()));
        return send(form.build());
    }

    public static void main(String[] arguments) throws Exception {
        new ApacheClient().run(arguments);
    }
}
