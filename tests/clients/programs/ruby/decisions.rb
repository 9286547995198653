# What the Ruby clients share: TLS, the command line, and what a device does with an answer.
require "json"
require "net/http"
require "openssl"

ADDRESS = URI(ENV.fetch("URL"))

def connect
  http = Net::HTTP.new(ADDRESS.host, ADDRESS.port)
  http.use_ssl = true
  http.ca_file = ENV.fetch("CA")
  http.cert = OpenSSL::X509::Certificate.new(File.read(ENV.fetch("CERT")))
  http.key = OpenSSL::PKey.read(File.read(ENV.fetch("KEY")))
  http
end

# The block returns the request that uploads [[name, path], …].
def run
  command, *files = ARGV
  psk = command == "register" ? $stdin.read : ""
  answer = nil
  5.times do
    if command == "register"
      request = Net::HTTP::Post.new(ADDRESS, "Content-Type" => "application/json")
      request.body = JSON.generate("PSK" => psk)
    else
      request = yield(files.map { |file| file.split("=", 2) })
    end
    answer = connect.request(request)
    break unless %w[429 503].include?(answer.code)
    sleep(answer["Retry-After"].to_i)
  end
  refused = %w[400 413 415 422].include?(answer.code)
  puts "#{answer.code} #{answer.code == '200' ? 'delete' : refused ? 'set aside' : 'keep'}"
  puts answer.body
end
