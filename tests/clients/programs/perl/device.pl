# LWP with HTTP::Request::Common.
use strict;
use warnings;
use HTTP::Request::Common qw(POST);
use JSON::PP qw(encode_json);
use LWP::UserAgent;

my $agent = LWP::UserAgent->new(
    ssl_opts => {
        SSL_ca_file   => $ENV{CA},
        SSL_cert_file => $ENV{CERT},
        SSL_key_file  => $ENV{KEY},
    },
);
my ($command, @files) = @ARGV;
my $psk = $command eq 'register' ? do { local $/; <STDIN> } : '';

sub request {
    return POST $ENV{URL}, Content_Type => 'application/json', Content => encode_json({ PSK => $psk })
        if $command eq 'register';
    my @form = map { my ($name, $path) = split /=/, $_, 2; ($name => [$path]) } @files;
    return POST $ENV{URL}, Content_Type => 'form-data', Content => \@form;
}

my $answer;
for (1 .. 5) {
    $answer = $agent->request(request());
    last if $answer->code != 429 && $answer->code != 503;
    sleep($answer->header('Retry-After') // 1);
}
my %decisions = (200 => 'delete', map { $_ => 'set aside' } 400, 413, 415, 422);
printf "%d %s\n%s\n", $answer->code, $decisions{ $answer->code } // 'keep', $answer->content;
