import java.nio.file.Path;
import java.util.Map;
import okhttp3.MediaType;
import okhttp3.MultipartBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/** OkHttp, as on Android. */
class OkHttp extends Device {
    private final OkHttpClient client =
            new OkHttpClient.Builder().sslSocketFactory(tls.getSocketFactory(), trustManager).build();

    OkHttp() throws Exception {}

    private Answer send(RequestBody body) throws Exception {
        try (Response answer = client.newCall(new Request.Builder().url(URL).post(body).build()).execute()) {
            return new Answer(answer.code(), answer.header("Retry-After"), answer.body().string());
        }
    }

    Answer register(String json) throws Exception {
        return send(RequestBody.create(MediaType.get("application/json"), json));
    }

    Answer upload(Map<String, Path> files) throws Exception {
        MultipartBody.Builder form = new MultipartBody.Builder().setType(MultipartBody.FORM);
        files.forEach((name, path) -> form.addFormDataPart(
                name, path.getFileName().toString(), RequestBody.create(MediaType.get("text/plain"), path.toFile())));
        return send(form.build());
    }

    public static void main(String[] arguments) throws Exception {
        new OkHttp().run(arguments);
    }
}
