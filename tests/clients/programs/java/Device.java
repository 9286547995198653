import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** What the Java clients share: TLS, the command line, and what a device does with an answer. */
abstract class Device {
    record Answer(int status, String retryAfter, String body) {}

    static final String URL = System.getenv("URL");
    final X509TrustManager trustManager;
    final SSLContext tls;

    Device() throws Exception {
        KeyStore pair = KeyStore.getInstance("PKCS12");
        pair.load(null);
        Certificate[] chain = {read("CERT")};
        String text = Files.readString(Path.of(System.getenv("KEY"))).replaceAll("-----.*?-----|\\s", "");
        PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text));
        pair.setKeyEntry("device", KeyFactory.getInstance("EC").generatePrivate(key), new char[0], chain);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(pair, new char[0]);
        KeyStore authorities = KeyStore.getInstance("PKCS12");
        authorities.load(null);
        authorities.setCertificateEntry("server", read("CA"));
        TrustManagerFactory trust =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authorities);
        trustManager = (X509TrustManager) trust.getTrustManagers()[0];
        tls = SSLContext.getInstance("TLS");
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    }

    private static Certificate read(String variable) throws Exception {
        byte[] pem = Files.readAllBytes(Path.of(System.getenv(variable)));
        return CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(pem));
    }

    abstract Answer register(String json) throws Exception;

    abstract Answer upload(Map<String, Path> files) throws Exception;

    void run(String[] arguments) throws Exception {
        boolean registers = arguments[0].equals("register");
        String json = registers ? "{\"PSK\": \"" + new String(System.in.readAllBytes()) + "\"}" : "";
        Map<String, Path> files = new LinkedHashMap<>();
        for (int i = 1; i < arguments.length; i++) {
            String[] file = arguments[i].split("=", 2);
            files.put(file[0], Path.of(file[1]));
        }
        Answer answer = null;
        for (int attempt = 0; attempt < 5; attempt++) {
            answer = registers ? register(json) : upload(files);
            if (answer.status() != 429 && answer.status() != 503) break;
            Thread.sleep(Long.parseLong(answer.retryAfter()) * 1000);
        }
        boolean refused = Set.of(400, 413, 415, 422).contains(answer.status());
        String decision = answer.status() == 200 ? "delete" : refused ? "set aside" : "keep";
        System.out.println(answer.status() + " " + decision);
        System.out.println(answer.body());
        System.exit(0); // the libraries' threads live on
    }
}
