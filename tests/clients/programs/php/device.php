<?php
// PHP's curl extension.
function send($body, array $headers): array
{
    $curl = curl_init(getenv('URL'));
    curl_setopt_array($curl, [
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => $body,
        CURLOPT_HTTPHEADER => $headers,
        CURLOPT_CAINFO => getenv('CA'),
        CURLOPT_SSLCERT => getenv('CERT'),
        CURLOPT_SSLKEY => getenv('KEY'),
        CURLOPT_RETURNTRANSFER => true,
    ]);
    $answer = curl_exec($curl);
    if ($answer === false) {
        fwrite(STDERR, curl_error($curl) . "\n");
        exit(2);
    }
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), curl_getinfo($curl, CURLINFO_RETRY_AFTER), $answer];
}

$command = $argv[1];
$psk = $command === 'register' ? stream_get_contents(STDIN) : '';
for ($attempt = 1; ; $attempt++) {
    if ($command === 'register') {
        [$status, $pause, $answer] = send(json_encode(['PSK' => $psk]), ['Content-Type: application/json']);
    } else {
        $form = [];
        foreach (array_slice($argv, 2) as $file) {
            [$name, $path] = explode('=', $file, 2);
            $form[$name] = new CURLFile($path, 'text/plain');
        }
        [$status, $pause, $answer] = send($form, []);
    }
    if (!in_array($status, [429, 503]) || $attempt === 5) {
        break;
    }
    sleep($pause);
}
$decision = $status === 200 ? 'delete' : (in_array($status, [400, 413, 415, 422]) ? 'set aside' : 'keep');
echo "$status $decision\n$answer\n";
